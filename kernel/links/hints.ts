import { DecodeError } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { KernelHint } from '../../core/ports.ts';
import {
  AF,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  type LinkMessage,
  type NetlinkReply,
  RTM,
  RTNLGRP,
} from '../netlink/index.ts';
import { entryOf } from './entry.ts';
import { isOwned, linkObject } from './link-object.ts';
import type { LinkTable } from './link-table.ts';
import { floodOf } from './vxlan-messages.ts';

/** include/uapi/linux/netconf.h: NETCONFA_IFINDEX comes first; the fixed part is one byte, padded. */
const NETCONFA_IFINDEX = 1;
const NETCONFA_IFINDEX_ALL = -1;
const NETCONF_ATTRIBUTE = 4;
const NETCONF_LENGTH = NETCONF_ATTRIBUTE + 8;

/** The group whose messages keep the table of links. */
export const LINK_GROUPS: readonly number[] = [RTNLGRP.RTNLGRP_LINK];

/** Groups whose messages become hints, with the former. */
export const HINT_GROUPS: readonly number[] = Object.values(RTNLGRP).filter(
  (group) => !LINK_GROUPS.includes(group),
);

/**
 * What a notification hints at; undefined for those that cannot concern weft. Keeps the table of links up to date on the way.
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
      return onLink('address', links.nameOf(decodeAddress(payload).header.index));
    case RTM.RTM_NEWROUTE:
    case RTM.RTM_DELROUTE:
      return onLink('route', links.nameOf(decodeRoute(payload).fields.oif ?? 0));
    case RTM.RTM_NEWNEIGH:
    case RTM.RTM_DELNEIGH:
      return neighbourHint(type, payload, links);
    case RTM.RTM_NEWNETCONF:
    case RTM.RTM_DELNETCONF:
      return netconfHint(payload, links);
    default:
      return undefined;
  }
}

/** What stood on a link that is gone went with it. */
function onLink(source: KernelHint['source'], dev: string | undefined): KernelHint | undefined {
  return dev === undefined ? undefined : { source, dev };
}

function linkHint(type: number, payload: Uint8Array, links: LinkTable): KernelHint | undefined {
  const link = decodeLink(payload);
  const dev = link.fields.name;
  // A message of AF_BRIDGE speaks of a port that joins or leaves, not of the link's own life.
  if (link.header.family !== AF.AF_UNSPEC) return portHint(type, link);
  if (type === RTM.RTM_NEWLINK) links.learn(link);
  else links.gone(link.header.index);
  if (dev === undefined) return { source: 'link' };
  if (type === RTM.RTM_DELLINK) return { source: 'link', dev, gone: true };
  const { index } = link.header;
  if (!isOwned(link)) return { source: 'link', dev, index };
  return { source: 'link', dev, index, link: linkObject(link, undefined, (index) => links.nameOf(index)) };
}

function portHint(type: number, { fields }: LinkMessage): KernelHint | undefined {
  const dev = fields.name;
  if (dev === undefined) return undefined;
  const { isolated, hairpin } = fields.bridgePort ?? {};
  if (type === RTM.RTM_DELLINK || isolated === undefined || hairpin === undefined)
    return { source: 'link', dev };
  const flood = floodOf(fields.bridgePort);
  const port = { isolated: isolated === 1, hairpin: hairpin === 1 };
  return { source: 'link', dev, port: flood === undefined ? port : { ...port, flood } };
}

/**
 * Switches of one link, or of all (include/uapi/linux/netconf.h: struct netconfmsg, NETCONFA_IFINDEX). The kernel
 * sends the former for every new link, and its defaults for new links are not weft's business.
 */
function netconfHint(payload: Uint8Array, links: LinkTable): KernelHint | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const first = payload.length >= NETCONF_LENGTH ? view.getUint16(NETCONF_ATTRIBUTE + 2, true) : undefined;
  const index =
    first === NETCONFA_IFINDEX ? view.getInt32(NETCONF_ATTRIBUTE + 4, true) : NETCONFA_IFINDEX_ALL;
  if (index === NETCONFA_IFINDEX_ALL) return { source: 'netconf' };
  return onLink('netconf', links.nameOf(index));
}

/** What the notification says of a neighbour or forwarding entry: that it is as weft makes them, or not. */
function neighbourHint(type: number, payload: Uint8Array, links: LinkTable): KernelHint | undefined {
  const seen = entryOf(decodeNeighbour(payload), (index) => links.nameOf(index) as IfName | undefined);
  if (seen === undefined) return undefined;
  const { entry, fixed } = seen;
  const hint: KernelHint = { source: 'neighbour', dev: entry.dev, entry };
  return fixed && type === RTM.RTM_NEWNEIGH ? hint : { ...hint, gone: true };
}
