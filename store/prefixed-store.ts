import { Conflict, Unavailable } from '../core/errors.ts';
import type { Entry, Store, StoreEvent, Txn } from '../core/ports.ts';
import { checkTxn } from './txn.ts';

/**
 * The part of a store whose keys begin with `prefix`, as a store of its own whose keys do not. It shares the
 * revisions of the whole. Disposing of it ends its watches and leaves `store` open.
 */
export function prefixedStore(store: Store, prefix: string): Store {
  return new PrefixedStore(store, prefix);
}

class PrefixedStore implements Store {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #closing = new AbortController();
  readonly #commits = new Set<Promise<bigint>>();

  constructor(store: Store, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: bigint }> {
    this.#assertOpen();
    const { entries, revision } = await this.#store.list(this.#prefix + prefix);
    return { entries: entries.map((entry) => this.#strip(entry)), revision };
  }

  async commit(txn: Txn): Promise<bigint> {
    this.#assertOpen();
    checkTxn(txn);
    const commit = this.#store.commit(this.#prefixed(txn));
    this.#commits.add(commit);
    try {
      return await commit;
    } catch (error) {
      throw this.#renamed(error);
    } finally {
      this.#commits.delete(commit);
    }
  }

  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    const ends = AbortSignal.any([signal, this.#closing.signal]);
    return this.#stripped(this.#store.watch(this.#prefix + prefix, after, ends));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#commits);
  }

  async *#stripped(events: AsyncIterable<StoreEvent>): AsyncGenerator<StoreEvent, void, undefined> {
    for await (const { type, entry } of events) yield { type, entry: this.#strip(entry) };
  }

  #strip(entry: Entry): Entry {
    return { ...entry, key: entry.key.slice(this.#prefix.length) };
  }

  #prefixed(txn: Txn): Txn {
    const name = <Keyed extends { readonly key: string }>(one: Keyed): Keyed => ({
      ...one,
      key: this.#prefix + one.key,
    });
    return {
      ...txn,
      expect: (txn.expect ?? []).map(name),
      put: (txn.put ?? []).map(name),
      delete: (txn.delete ?? []).map((key) => this.#prefix + key),
    };
  }

  /** A conflict names the key as the caller does. */
  #renamed(error: unknown): unknown {
    if (!(error instanceof Conflict)) return error;
    const { key } = error.context;
    if (typeof key !== 'string' || !key.startsWith(this.#prefix)) return error;
    const short = key.slice(this.#prefix.length);
    return new Conflict(
      error.message.replace(key, short),
      { ...error.context, key: short },
      { cause: error },
    );
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Unavailable(`store ${this.#prefix} is closed`);
  }
}
