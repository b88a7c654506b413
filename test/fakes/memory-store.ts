import { Conflict, Unavailable } from '../../core/errors.ts';
import type { Entry, Store, StoreEvent, Txn } from '../../core/ports.ts';
import { ChangeFeed, checkTxn } from '../../store/index.ts';

/** A store that behaves and forgets with the process. Commits take effect in the order of the calls. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>();
  readonly #feed = new ChangeFeed(0n);
  #revision = 0n;
  #closed = false;
  #failure: Error | undefined;

  /** Every commit from now on changes nothing and rejects with `error`, until called with undefined. */
  failCommits(error: Error | undefined): void {
    this.#failure = error;
  }

  async list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: bigint }> {
    this.#assertOpen();
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    entries.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    return { entries, revision: this.#revision };
  }

  async commit(txn: Txn): Promise<bigint> {
    this.#assertOpen();
    checkTxn(txn);
    if (this.#failure !== undefined) throw this.#failure;
    for (const { key, revision } of txn.expect ?? []) {
      const found = this.#entries.get(key)?.revision ?? 0n;
      if (found !== revision)
        throw new Conflict(`${key} has revision ${found}, expected ${revision}`, { key });
    }
    const events = this.#change(txn, this.#revision + 1n);
    if (events.length > 0) this.#revision += 1n;
    this.#feed.publish(events);
    return this.#revision;
  }

  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    return this.#feed.watch(prefix, after, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#feed.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new Unavailable('store is closed');
  }

  #change(txn: Txn, revision: bigint): readonly StoreEvent[] {
    const events: StoreEvent[] = [];
    for (const { key, value } of txn.put ?? []) {
      const entry: Entry = { key, value: Uint8Array.from(value), revision };
      this.#entries.set(key, entry);
      events.push({ type: 'put', entry });
    }
    for (const key of txn.delete ?? []) {
      if (!this.#entries.delete(key)) continue;
      events.push({ type: 'delete', entry: { key, value: new Uint8Array(), revision } });
    }
    return events;
  }
}
