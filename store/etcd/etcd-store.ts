import { Conflict, InvalidArgument, Unavailable } from '../../core/errors.ts';
import type { Entry, Lease, SharedStore, StoreEvent, Txn } from '../../core/ports.ts';
import { inSlices } from '../../core/slices.ts';
import type { StoreContact } from '../contact.ts';
import type { StoreLog } from '../log.ts';
import { checkTxn, isShownByWatch } from '../txn.ts';
import {
  decodePage,
  decodeStored,
  decodeTxn,
  type KeyChange,
  type Page,
  type StoredKey,
  toEntry,
} from './answer.ts';
import { CommitQueue } from './commit-queue.ts';
import { EtcdLease } from './etcd-lease.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { History } from './history.ts';
import { encodeKey, keyAfter, prefixEnd } from './keys.ts';
import { checkEtcdLimits, txnBody } from './txn-body.ts';
import { watchChanges } from './watch.ts';

/** Keys read in one request; reading 250 at a time takes etcd twice as long. JSON of so many is parsed in some 2 ms. */
const PAGE = 2000;
/** Lists begun again because etcd compacted between two pages. */
const MAX_LISTS = 3;

export interface EtcdStoreParts extends GatewayOptions {
  /** Stands before every key in etcd; not empty. */
  readonly prefix: string;
  readonly log: StoreLog;
}

interface Listed {
  readonly entries: readonly Entry[];
  readonly revision: bigint;
  readonly newest: StoredKey | undefined;
}

/**
 * The `SharedStore` port on an etcd cluster, over its JSON gateway. Nothing is asked of etcd before the first call,
 * and no call waits for it longer than the time it was opened with; a watch waits for it as long as it takes.
 */
export class EtcdStore implements SharedStore {
  readonly #gateway: Gateway;
  readonly #prefix: string;
  readonly #log: StoreLog;
  readonly #history = new History();
  readonly #commits: CommitQueue;
  readonly #leases = new Set<EtcdLease>();
  /** Where the last list ended: a watch that begins there knows the change before it. */
  #listed: { readonly prefix: string; readonly revision: bigint; readonly anchor: KeyChange } | undefined;
  /** Revision of the last change made from here, within this epoch. */
  #changed = { epoch: 0, revision: 0n };
  #closing: Promise<void> | undefined;

  constructor(parts: EtcdStoreParts) {
    this.#gateway = new Gateway(parts);
    this.#prefix = parts.prefix;
    this.#log = parts.log;
    this.#commits = new CommitQueue({ send: (txns) => this.#send(txns), timeoutMs: parts.timeoutMs });
  }

  /** Whether etcd answers. */
  get contact(): StoreContact {
    return this.#gateway.contact;
  }

  /** The endpoints as messages name them. */
  get name(): string {
    return this.#gateway.name;
  }

  /**
   * Read in pages of one revision.
   * @throws {Unavailable}
   * @throws {InvalidArgument} when etcd refuses the user.
   */
  async list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: bigint }> {
    this.#assertOpen();
    for (let tries = 1; ; tries++) {
      try {
        const { entries, revision, newest } = await this.#listAll(prefix);
        this.#listed =
          newest === undefined ? undefined : { prefix, revision, anchor: { type: 'put', stored: newest } };
        return { entries, revision };
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        if (tries === MAX_LISTS) {
          throw new Unavailable(
            `list: etcd compacts faster than it answers: ${error.message}`,
            {},
            { cause: error },
          );
        }
      }
    }
  }

  /**
   * As the port says, in one etcd transaction. Where the answer was lost nothing is sent again: the error has
   * `outcome: 'unknown'` in its context then.
   * @throws {Conflict} when an expectation fails, naming the key and its revision.
   * @throws {InvalidArgument} more than 128 changes or expectations, more than 1.5 MB, or refused by etcd.
   * @throws {NotFound} when a lease named has ended.
   * @throws {Unavailable}
   */
  async commit(txn: Txn): Promise<bigint> {
    this.#assertOpen();
    checkTxn(txn);
    checkEtcdLimits(txn);
    const revision = await this.#commits.push(copyOf(txn));
    if (isShownByWatch(txn)) this.#changed = { epoch: this.#history.epoch, revision };
    return revision;
  }

  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    const listed = this.#listed;
    const anchor = listed?.prefix === prefix && listed.revision === after ? listed.anchor : undefined;
    const options = {
      gateway: this.#gateway,
      history: this.#history,
      log: this.#log,
      prefix: Buffer.from(this.#prefix + prefix),
      hidden: Buffer.byteLength(this.#prefix),
      after,
      epoch: this.#history.epoch,
      // Within a longer prefix it may have changed nothing.
      changed: () =>
        prefix === '' && this.#changed.epoch === this.#history.epoch ? this.#changed.revision : 0n,
      anchor,
    };
    return watchChanges(options, signal);
  }

  async lease(seconds: number): Promise<Lease> {
    this.#assertOpen();
    if (!Number.isInteger(seconds) || seconds < 1) {
      throw new InvalidArgument(`lease of ${seconds} seconds: expected a whole number from 1`);
    }
    const lease = await EtcdLease.grant(this.#gateway, seconds, this.#log, (ended) =>
      this.#leases.delete(ended),
    );
    this.#leases.add(lease);
    return lease;
  }

  /**
   * Finishes the commits under way, ends every watch and cuts the connections. Leases that are not disposed of end
   * when their time is over. Repeating is safe.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    for (const lease of this.#leases) lease.abandon();
    await this.#commits.idle();
    this.#gateway[Symbol.dispose]();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new Unavailable(`store ${this.name} is closed`);
  }

  async #send(txns: readonly Txn[]) {
    const before = this.#history.head;
    const body = txnBody(txns, this.#prefix);
    const answer = decodeTxn(
      await this.#gateway.post({ path: 'kv/txn', body, doing: 'commit', repeatable: false }),
    );
    this.#history.observe(answer.header, before);
    return answer;
  }

  async #listAll(prefix: string): Promise<Listed> {
    const end = encodeKey(prefixEnd(Buffer.from(this.#prefix + prefix)));
    const hidden = Buffer.byteLength(this.#prefix);
    const entries: Entry[] = [];
    let newest: StoredKey | undefined;
    let revision: bigint | undefined;
    let next: Promise<Page> | undefined = this.#page(Buffer.from(this.#prefix + prefix), end);
    while (next !== undefined) {
      const page: Page = await next;
      const { header, kvs } = page;
      revision ??= header.revision;
      const last: unknown = page.more ? kvs.at(-1) : undefined;
      // etcd reads the next page while this one is taken in.
      next = last === undefined ? undefined : this.#page(keyAfter(decodeStored(last).key), end, revision);
      next?.catch(() => undefined); // its failure is met when it is awaited
      await inSlices(kvs, (each) => {
        const stored = decodeStored(each);
        const entry = toEntry(stored, hidden);
        if (entry !== undefined) entries.push(entry);
        newest = later(newest, stored);
      });
    }
    return { entries, revision: revision ?? 0n, newest };
  }

  async #page(from: Buffer, end: string, revision?: bigint): Promise<Page> {
    const before = this.#history.head;
    const body = {
      key: encodeKey(from),
      range_end: end,
      limit: String(PAGE),
      ...(revision === undefined ? {} : { revision: String(revision) }),
    };
    const answer = decodePage(
      await this.#gateway.post({ path: 'kv/range', body, doing: 'list', repeatable: true }),
    );
    this.#history.observe(answer.header, before);
    return answer;
  }
}

function later(a: StoredKey | undefined, b: StoredKey): StoredKey | undefined {
  return a !== undefined && a.revision > b.revision ? a : b;
}

/** The caller may use its buffers again before the transaction is sent. */
function copyOf(txn: Txn): Txn {
  return { ...txn, put: (txn.put ?? []).map((one) => ({ ...one, value: Uint8Array.from(one.value) })) };
}
