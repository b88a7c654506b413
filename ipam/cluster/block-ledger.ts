import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { Conflict, DecodeError, Unavailable } from '../../core/errors.ts';
import { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { Txn } from '../../core/ports.ts';
import {
  type BlockRecord,
  decodeBlock,
  encodeBlock,
  gives,
  isEmpty,
  NO_BLOCK,
  takesFrom,
  UNREADABLE,
} from './block-record.ts';
import { Doubts } from './doubts.ts';
import type { ClusterAddressOptions } from './ports.ts';

/**
 * What became of a change: made, not wanted any more, refused because somebody else changed the block first (the
 * view will show it), or unknown.
 */
export type Outcome = 'done' | 'unchanged' | 'conflict' | 'unavailable';

/** A block as this host's copy shows it; revision 0n when it has no record. */
export interface Known {
  readonly record: BlockRecord;
  readonly revision: bigint;
}

type LedgerOptions = Pick<ClusterAddressOptions, 'node' | 'shared' | 'store' | 'clock' | 'log'>;

/**
 * The records of all blocks, and the only way to change them: by compare-and-swap, one change of a block at a time,
 * and noted on this host first when it gives something away.
 */
export class BlockLedger implements Disposable {
  readonly #options: LedgerOptions;
  readonly #doubts: Doubts;
  readonly #queue = new KeyedMutex();
  readonly #decoded = new Map<string, Known>();
  readonly #watchers = new Set<(key: string) => void>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #subscription: Disposable;

  private constructor(options: LedgerOptions, doubts: Doubts) {
    this.#options = options;
    this.#doubts = doubts;
    this.#subscription = options.shared.subscribe((events) => {
      for (const { type, entry } of events) {
        if (!entry.key.startsWith(CLUSTER_KEYS.block)) continue;
        if (type === 'delete') this.#decoded.delete(entry.key);
        this.#changed(entry.key);
      }
    });
  }

  static async open(options: LedgerOptions): Promise<BlockLedger> {
    const doubts = await Doubts.load(options.store, (key, reason) =>
      options.log.error({ key, reason }, 'a note of a change to an address block cannot be read'),
    );
    return new BlockLedger(options, doubts);
  }

  get node(): string {
    return this.#options.node;
  }

  known(key: string): Known {
    const entry = this.#options.shared.get(key);
    if (entry === undefined) return { record: NO_BLOCK, revision: 0n };
    const before = this.#decoded.get(key);
    if (before?.revision === entry.revision) return before;
    const known = { record: this.#decode(key, entry.value), revision: entry.revision };
    this.#decoded.set(key, known);
    return known;
  }

  /** The record as the copy shows it, and every one it may be replaced by already. */
  possible(key: string): readonly BlockRecord[] {
    const { record, revision } = this.known(key);
    return [record, ...this.#doubts.about(key, revision)];
  }

  /** Whether this host may hold the address, whatever is in doubt. */
  isMine(key: string, ip: Ip): boolean {
    return this.possible(key).every((record) => gives(record, this.node, ip));
  }

  /** Keys of the blocks that have a record, under a prefix. */
  *keys(prefix: string): Iterable<string> {
    for (const { key } of this.#options.shared.entries(prefix)) yield key;
  }

  /** Calls `watcher` after each change of what a block is or may be. */
  watch(watcher: (key: string) => void): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /**
   * Waits until `look` finds something, which it is asked whenever the block changes.
   * @param deadline milliseconds since the epoch.
   * @returns undefined when it is too late.
   */
  async until<Found>(
    key: string,
    deadline: number,
    look: () => Found | undefined,
  ): Promise<Found | undefined> {
    const found = look();
    const { clock } = this.#options;
    if (found !== undefined || clock.now() >= deadline) return found;
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    const { promise, resolve } = Promise.withResolvers<Found | undefined>();
    const check = () => {
      const late = look();
      if (late !== undefined) resolve(late);
    };
    waiting.add(check);
    using _timer = clock.after(deadline - clock.now(), () => resolve(look()));
    try {
      return await promise;
    } finally {
      waiting.delete(check);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    }
  }

  /**
   * Changes a block. `change` is asked in this call's turn and gets the record as the copy shows it; returning the
   * same object changes nothing. From that moment this host no longer counts as its own what the change gives away.
   */
  propose(key: string, change: (record: BlockRecord) => BlockRecord): Promise<Outcome> {
    return this.#queue.run(key, async () => {
      const { record, revision } = this.known(key);
      const next = change(record);
      if (next === record) return 'unchanged';
      if (takesFrom(this.node, record, next)) {
        const noted = this.#doubts.add(
          key,
          { base: revision, record: next },
          revision,
          this.#options.clock.now(),
        );
        this.#changed(key);
        try {
          await noted;
        } finally {
          this.#changed(key);
        }
      }
      return this.#commit(key, next, revision);
    });
  }

  /** Deletes notes of changes that were settled long ago. */
  prune(): Promise<void> {
    return this.#doubts.prune(this.#options.clock.now(), (key) => this.known(key).revision);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  async #commit(key: string, next: BlockRecord, revision: bigint): Promise<Outcome> {
    const expect = [{ key, revision }];
    const txn: Txn = isEmpty(next)
      ? { expect, delete: [key] }
      : { expect, put: [{ key, value: encodeBlock(next) }] };
    try {
      await this.#options.shared.commit(txn);
    } catch (error) {
      if (error instanceof Conflict) return 'conflict';
      if (error instanceof Unavailable) return 'unavailable';
      throw error;
    }
    this.#doubts.settle(key);
    this.#changed(key);
    return 'done';
  }

  #changed(key: string): void {
    for (const watcher of this.#watchers) watcher(key);
    for (const check of [...(this.#waiting.get(key) ?? [])]) check();
  }

  #decode(key: string, value: Uint8Array): BlockRecord {
    try {
      return decodeBlock(key, value);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#options.log.error(
        { key, err: error },
        'an address block cannot be read: nobody gives its addresses',
      );
      return UNREADABLE;
    }
  }
}
