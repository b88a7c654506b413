import { KernelError } from '../../../core/errors.ts';
import type { FlowFilter } from '../../../core/ports.ts';
import { encodeMessages } from '../message.ts';
import { NETLINK_PROTOCOL, NLM_F } from '../netlink-header.ts';
import { AF, addressFamily } from '../rtnetlink.ts';
import { type NetlinkReply, type NetlinkTransport, openTransport } from '../transport.ts';
import { kernelFilter, matches } from './flow-match.ts';
import { type Reading, readingsFor } from './readings.ts';
import { CTNL, decodeCount, decodeEntry, decodeTuple, encodeEntry } from './tuple.ts';

const COUNT = { type: CTNL.IPCTNL_MSG_CT_GET_STATS, flags: 0, payload: encodeEntry(AF.AF_UNSPEC, {}) };
const COUNT_NOW = encodeMessages([{ ...COUNT, flags: NLM_F.NLM_F_REQUEST }], 1);

/** Connection tracking of one namespace over ctnetlink. */
export class Conntrack {
  readonly #transport: NetlinkTransport;

  /** @param transport of netfilter, which stays the caller's: it is not closed with this object. */
  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /**
   * @param options.namespace a namespace file; absent: the namespace of the process.
   * @throws {KernelError} without CAP_NET_ADMIN, or when the namespace cannot be entered.
   */
  static open(options: { readonly namespace?: string } = {}): Conntrack & AsyncDisposable {
    const transport = openTransport({ protocol: NETLINK_PROTOCOL.NETLINK_NETFILTER, ...options });
    return Object.assign(new Conntrack(transport), {
      [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
    });
  }

  /** How many entries there are, of this namespace alone. @throws {KernelError} when the kernel does not say. */
  async count(): Promise<number> {
    // Most namespaces have none, and an answer in this turn costs a tenth of one that is waited for.
    const answers = this.#transport.exchangeNow(COUNT_NOW, 1);
    const [reply] = answers ?? (await this.#transport.request(COUNT, 'count conntrack entries'));
    if (reply === undefined) throw new KernelError('count conntrack entries: no answer', { errno: 'ENOMSG' });
    return decodeCount(reply.payload);
  }

  /**
   * Deletes the entries that any of the filters matches; says how many went. Entries that end by themselves
   * meanwhile do not count.
   * @throws {KernelError} when the kernel refuses.
   */
  async forget(filters: readonly FlowFilter[]): Promise<number> {
    if (filters.length === 0) return 0;
    let count = 0;
    for (const reading of readingsFor(filters, await this.count())) {
      count += await this.#delete(await this.#find(reading, filters));
    }
    return count;
  }

  /** Entries the kernel selects by `reading` that match one of `filters`, as messages that identify them. */
  async #find(reading: Reading, filters: readonly FlowFilter[]): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = [];
    const take = ({ payload }: NetlinkReply): void => {
      const { header, fields } = decodeEntry(payload);
      const { original, reply, status = 0, id, zone } = fields;
      if (original === undefined || reply === undefined) return;
      const [there, back] = [decodeTuple(original), decodeTuple(reply)];
      const isMeant = (filter: FlowFilter) =>
        addressFamily(filter.family) === header.family && matches(filter, there, back, status);
      if (!filters.some(isMeant)) return;
      const identity = {
        original,
        ...(id === undefined ? {} : { id }),
        ...(zone === undefined ? {} : { zone }),
      };
      found.push(encodeEntry(header.family, identity));
    };
    const { family } = reading;
    const payload = encodeEntry(family ? addressFamily(family) : AF.AF_UNSPEC, kernelFilter(reading));
    // Entries are handled as they come, so that a table of a million is never in memory nor decoded in one go.
    await this.#transport.dump({ type: CTNL.IPCTNL_MSG_CT_GET, flags: 0, payload }, take);
    return found;
  }

  async #delete(entries: readonly Uint8Array[]): Promise<number> {
    const outcomes = await this.#transport.requestAll(
      entries.map((payload) => ({
        type: CTNL.IPCTNL_MSG_CT_DELETE,
        flags: 0,
        payload,
        step: 'delete conntrack entry',
      })),
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' && !isGone(outcome.reason)) throw outcome.reason;
    }
    return outcomes.filter(({ status }) => status === 'fulfilled').length;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof KernelError && error.errno === 'ENOENT';
}
