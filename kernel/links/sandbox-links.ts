import { closeSync } from 'node:fs';
import type { IfName } from '../../core/ids.ts';
import { isLanLink, type KernelObject, type LanLink } from '../../core/kernel-objects.ts';
import { encodeLink, type LinkMessage, type NetlinkTransport, RTM } from '../netlink/index.ts';
import { childSettings } from './child-messages.ts';
import { allLinks, LinkTable } from './link-table.ts';
import { openSandbox } from './sandbox.ts';

/**
 * Links that Docker has moved into sandboxes, as far as they can be found there by their aliases. Docker gives them
 * names, addresses and a state, so only what makes the link is compared: kind, mode and parent.
 * @param links of the host.
 */
export async function linksInSandboxes(wanted: readonly LanLink[], links: LinkTable): Promise<LanLink[]> {
  const found: LanLink[] = [];
  await links.find(wanted.map(({ parent }) => parent));
  for (const link of wanted) {
    const seen = await inSandbox(link, async (_inside, message) => asWanted(link, message, links));
    if (seen !== undefined) found.push(seen);
  }
  return found;
}

/** Deletes those of the links that are in a sandbox; one that is not, or whose sandbox is gone, is fine. */
export async function deleteInSandboxes(objects: readonly KernelObject[]): Promise<void> {
  for (const link of objects.filter(isLanLink)) {
    await inSandbox(link, (inside, { header }) => deleteInside(inside, link, header.index));
  }
}

/** Deletes a link that was found in its sandbox. @throws {KernelError} */
export async function deleteInside(inside: NetlinkTransport, link: LanLink, index: number): Promise<void> {
  const payload = encodeLink({ index }, {});
  await inside.request({ type: RTM.RTM_DELLINK, flags: 0, payload }, `delete ${link.name} in its sandbox`);
}

/** Looks a link up in its sandbox, which is held open for `use`; undefined where it is not. */
export async function inSandbox<Result>(
  { sandbox, alias }: LanLink,
  use: (inside: NetlinkTransport, link: LinkMessage) => Promise<Result>,
): Promise<Result | undefined> {
  const opened = sandbox === undefined ? undefined : openSandbox(sandbox);
  if (opened === undefined) return undefined;
  const { descriptor, inside } = opened;
  try {
    const link = (await allLinks(inside, new LinkTable(inside))).find(({ fields }) => fields.alias === alias);
    return link === undefined ? undefined : await use(inside, link);
  } finally {
    closeSync(descriptor);
    await inside[Symbol.asyncDispose]();
  }
}

/**
 * A renamed parent still carries the link: as long as no other device has taken the parent's name, it is the right one.
 */
function asWanted(wanted: LanLink, message: LinkMessage, links: LinkTable): LanLink {
  const settings = childSettings(message);
  const index = message.fields.link;
  const named = links.get(wanted.parent);
  const isOn = named === undefined || named === index;
  const parent = isOn ? wanted.parent : ((links.nameOf(index ?? 0) ?? '') as IfName);
  return settings?.type === wanted.type
    ? ({ ...wanted, ...settings, parent } as LanLink)
    : { ...wanted, parent: '' as IfName };
}
