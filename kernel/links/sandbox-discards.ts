import type { KernelObject, LanLink } from '../../core/kernel-objects.ts';
import { isLanLink } from '../../core/kernel-objects.ts';
import { encodeLink, type NetlinkTransport, RTM } from '../netlink/index.ts';
import type { LinkLog } from './discard.ts';
import { isLivedIn } from './lived-in.ts';
import { deleteInside, inSandbox } from './sandbox-links.ts';

/**
 * Deletes links on a LAN in sandboxes whose container has ended. By itself Docker takes such a link down and moves it to
 * the host, which waits for RCU twice, some 30 ms, before the container counts as stopped. One that has another name is
 * nothing to Docker (moby libnetwork/osl/interface_linux.go: RemoveInterface).
 */
export class SandboxDiscards {
  readonly #log: LinkLog;
  readonly #going = new Map<LanLink, Promise<void>>();

  constructor(log: LinkLog) {
    this.#log = log;
  }

  /**
   * Gives a link its own name again, in its sandbox, and deletes it there soon.
   * @returns false when somebody lives in the sandbox, or the kernel does not rename what is up (before 6.2).
   * @throws {KernelError}
   */
  async add(link: LanLink): Promise<boolean> {
    const { sandbox } = link;
    // Where somebody lives, Docker itself must forget the interface: it would not use its name for the next one.
    if (sandbox === undefined || (await isLivedIn(sandbox))) return false;
    const renamed = Promise.withResolvers<boolean>();
    const deletion = inSandbox(link, async (inside, { header }) => {
      const isRenamed = await rename(inside, link, header.index);
      renamed.resolve(isRenamed);
      if (isRenamed) await deleteInside(inside, link, header.index);
    });
    this.#going.set(link, this.#ended(link, deletion));
    // Where the link is not in the sandbox, nothing is renamed.
    return Promise.race([renamed.promise, deletion.then(() => false)]);
  }

  /**
   * Resolves when nothing that is being deleted is in the way of links that are to be made: two links of a parent cannot
   * be up with one MAC or, as ipvlan links, have one address. Never rejects.
   */
  async settled(wanted: readonly KernelObject[]): Promise<void> {
    const links = wanted.filter(isLanLink);
    const inTheWay = [...this.#going].filter(([going]) => links.some((link) => excludes(going, link)));
    await Promise.all(inTheWay.map(([, deletion]) => deletion));
  }

  /** Resolves when all are deleted. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#going.values());
  }

  async #ended(link: LanLink, deletion: Promise<void>): Promise<void> {
    try {
      await deletion;
    } catch (error) {
      this.#log({ message: 'link not deleted', link: link.name, error });
    } finally {
      this.#going.delete(link);
    }
  }
}

function excludes(going: LanLink, link: LanLink): boolean {
  if (going.parent !== link.parent) return false;
  return (
    going.type === 'ipvlan' || link.type === 'ipvlan' || going.mac === undefined || going.mac === link.mac
  );
}

/** @returns whether it could have another name. */
async function rename(inside: NetlinkTransport, { name }: LanLink, index: number): Promise<boolean> {
  const payload = encodeLink({ index }, { name });
  const [renamed] = await inside.requestAll([
    { type: RTM.RTM_SETLINK, flags: 0, payload, step: `rename ${name} in its sandbox` },
  ]);
  return renamed?.status === 'fulfilled';
}
