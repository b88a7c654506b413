import { KernelError } from '../../core/errors.ts';
import { inSlices } from '../../core/slices.ts';
import {
  decodeLink,
  encodeLink,
  type LinkMessage,
  type NetlinkTransport,
  RTEXT_FILTER,
  RTM,
} from '../netlink/index.ts';

/** The request for one link by name, without its statistics. */
export function getLink(name: string): {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
} {
  return {
    type: RTM.RTM_GETLINK,
    flags: 0,
    payload: encodeLink({}, { name, extMask: RTEXT_FILTER.RTEXT_FILTER_SKIP_STATS }),
  };
}

/**
 * Names and ifindexes of links, learnt from replies and notifications. A notification may be late, so an index is a
 * guess that the kernel answers with ENODEV when it is wrong; then `forget` and look again.
 */
export class LinkTable {
  readonly #transport: NetlinkTransport;
  readonly #indexes = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /** The known index of a link. */
  get(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  nameOf(index: number): string | undefined {
    return this.#names.get(index);
  }

  /** Takes in what a link message says. */
  learn({ header, fields }: LinkMessage): void {
    if (fields.name === undefined) return;
    const old = this.#names.get(header.index);
    if (old !== undefined && old !== fields.name && this.#indexes.get(old) === header.index) {
      this.#indexes.delete(old);
    }
    this.#indexes.set(fields.name, header.index);
    this.#names.set(header.index, fields.name);
  }

  /** A link with this index is gone. */
  gone(index: number): void {
    const name = this.#names.get(index);
    this.#names.delete(index);
    if (name !== undefined && this.#indexes.get(name) === index) this.#indexes.delete(name);
  }

  forget(name: string): void {
    const index = this.#indexes.get(name);
    this.#indexes.delete(name);
    if (index !== undefined) this.#names.delete(index);
  }

  /** Asks the kernel for those of `names` that are not known; names of no link stay unknown. */
  async find(names: Iterable<string>): Promise<void> {
    await this.read([...new Set(names)].filter((name) => !this.#indexes.has(name)));
  }

  /**
   * The links of these names as they are now; absent ones are missing in the result.
   * @throws {KernelError} when the kernel refuses for another reason than absence.
   */
  async read(names: readonly string[]): Promise<readonly LinkMessage[]> {
    const results = await this.#transport.requestAll(
      names.map((name) => ({ ...getLink(name), step: `look up link ${name}` })),
    );
    const links = results.flatMap((result, i) => {
      if (result.status === 'fulfilled') return result.value.map(({ payload }) => decodeLink(payload));
      if (!(result.reason instanceof KernelError) || result.reason.errno !== 'ENODEV') throw result.reason;
      this.forget(names[i] ?? '');
      return [];
    });
    for (const link of links) this.learn(link);
    return links;
  }
}

/** All links, learnt by the table too. */
export async function allLinks(
  transport: NetlinkTransport,
  links: LinkTable,
): Promise<readonly LinkMessage[]> {
  const payload = encodeLink({}, { extMask: RTEXT_FILTER.RTEXT_FILTER_SKIP_STATS });
  const replies = await transport.dump({ type: RTM.RTM_GETLINK, flags: 0, payload });
  const found: LinkMessage[] = [];
  await inSlices(replies, ({ payload }) => {
    found.push(decodeLink(payload));
  });
  for (const link of found) links.learn(link);
  return found;
}
