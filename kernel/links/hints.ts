import { DecodeError } from '../../core/errors.ts';
import type { KernelHint } from '../../core/ports.ts';
import {
  AF,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  type NetlinkReply,
  NTF,
  NUD,
  RTM,
  RTNLGRP,
} from '../netlink/index.ts';
import type { LinkTable } from './link-table.ts';

/** Groups whose messages become hints. */
export const HINT_GROUPS: readonly number[] = Object.values(RTNLGRP);

/**
 * What a notification hints at; undefined for those that cannot concern weft, such as neighbours that come and go by
 * themselves. Keeps the table of links up to date on the way.
 */
export function hintOf(message: NetlinkReply, links: LinkTable): KernelHint | undefined {
  try {
    return decodeHint(message, links);
  } catch (error) {
    // A notification that cannot be read may have said anything.
    if (error instanceof DecodeError) return { source: 'overrun' };
    throw error;
  }
}

function decodeHint({ type, payload }: NetlinkReply, links: LinkTable): KernelHint | undefined {
  switch (type) {
    case RTM.RTM_NEWLINK:
    case RTM.RTM_DELLINK:
      return linkHint(type, payload, links);
    case RTM.RTM_NEWADDR:
    case RTM.RTM_DELADDR:
      return hint('address', links.nameOf(decodeAddress(payload).header.index));
    case RTM.RTM_NEWROUTE:
    case RTM.RTM_DELROUTE: {
      const { oif } = decodeRoute(payload).fields;
      return hint('route', oif === undefined ? undefined : links.nameOf(oif));
    }
    case RTM.RTM_NEWNEIGH:
    case RTM.RTM_DELNEIGH:
      return neighbourHint(payload, links);
    case RTM.RTM_NEWNETCONF:
    case RTM.RTM_DELNETCONF:
      return { source: 'netconf' };
    default:
      return undefined;
  }
}

function hint(source: KernelHint['source'], dev: string | undefined): KernelHint {
  return dev === undefined ? { source } : { source, dev };
}

function linkHint(type: number, payload: Uint8Array, links: LinkTable): KernelHint {
  const link = decodeLink(payload);
  // A message of AF_BRIDGE speaks of a port that joins or leaves, not of the link's own life.
  if (link.header.family === AF.AF_UNSPEC) {
    if (type === RTM.RTM_NEWLINK) links.learn(link);
    else links.gone(link.header.index);
  }
  return hint('link', link.fields.name);
}

/** Only entries that somebody set by hand: those the kernel learns come and go all the time. */
function neighbourHint(payload: Uint8Array, links: LinkTable): KernelHint | undefined {
  const { header } = decodeNeighbour(payload);
  const byHand = (header.state & (NUD.NUD_PERMANENT | NUD.NUD_NOARP)) !== 0;
  if (!byHand || (header.flags & NTF.NTF_EXT_LEARNED) !== 0) return undefined;
  return hint('neighbour', links.nameOf(header.index));
}
