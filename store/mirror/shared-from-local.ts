import { Conflict, InvalidArgument, NotFound } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { Entry, Lease, SharedStore, Store, StoreEvent, Txn } from '../../core/ports.ts';
import { checkTxn } from '../txn.ts';

/** `~leased/KEY`: the id of the lease that KEY was put with. Not visible from outside. */
export const LEASED = '~leased/';

/**
 * A store of this process alone as one that several could share: a cluster of one. What was put with a lease goes
 * when the lease is disposed of, and what an earlier process left goes before this resolves.
 * @param store nobody else puts keys there; disposed of with the result.
 */
export async function sharedFromLocal(store: Store): Promise<SharedStore & { readonly inProcess: true }> {
  const shared = new LocalSharedStore(store);
  await shared.endLeases(() => true);
  return shared;
}

class LocalSharedStore implements SharedStore {
  /** Its answers need no copy: it is where this process is. */
  readonly inProcess = true;
  readonly #store: Store;
  readonly #leases = new Set<bigint>();
  #lastLease = 0n;

  constructor(store: Store) {
    this.#store = store;
  }

  async list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: bigint }> {
    const { entries, revision } = await this.#store.list(prefix);
    return { entries: entries.filter(({ key }) => !key.startsWith(LEASED)), revision };
  }

  async commit(txn: Txn): Promise<bigint> {
    checkTxn(txn);
    const puts = txn.put ?? [];
    for (const { key } of puts) {
      if (key.startsWith(LEASED)) throw new InvalidArgument(`key ${quote(key)} is reserved`);
    }
    const missing = puts.find(({ lease }) => lease !== undefined && !this.#leases.has(lease));
    if (missing !== undefined) {
      throw new NotFound(`put ${quote(missing.key)}: lease ${missing.lease} has ended`);
    }
    const leased = puts.flatMap(({ key, lease }) =>
      lease === undefined ? [] : [{ key: LEASED + key, value: Buffer.from(String(lease)) }],
    );
    const unleased = puts.flatMap(({ key, lease }) => (lease === undefined ? [LEASED + key] : []));
    const deletes = txn.delete ?? [];
    return this.#store.commit({
      ...txn,
      put: [...puts, ...leased],
      delete: [...deletes, ...unleased, ...deletes.map((key) => LEASED + key)],
    });
  }

  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreEvent> {
    return visible(this.#store.watch(prefix, after, signal));
  }

  async lease(_seconds: number): Promise<Lease> {
    const id = ++this.#lastLease;
    this.#leases.add(id);
    return {
      id,
      lost: new AbortController().signal,
      [Symbol.asyncDispose]: async () => {
        if (!this.#leases.delete(id)) return;
        await this.endLeases((other) => other === id);
      },
    };
  }

  /** Deletes what was put with the leases that `ended` holds for. */
  async endLeases(ended: (id: bigint) => boolean): Promise<void> {
    const { entries } = await this.#store.list(LEASED);
    const gone = entries.filter(({ value }) => ended(leaseId(value)));
    await Promise.all(gone.map((entry) => this.#drop(entry)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  async #drop({ key, revision }: Entry): Promise<void> {
    try {
      await this.#store.commit({
        expect: [{ key, revision }],
        delete: [key, key.slice(LEASED.length)],
        durability: 'process',
      });
    } catch (error) {
      // Put again in between, without a lease or with another.
      if (!(error instanceof Conflict)) throw error;
    }
  }
}

function leaseId(value: Uint8Array): bigint {
  const text = Buffer.from(value).toString('latin1');
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

async function* visible(events: AsyncIterable<StoreEvent>): AsyncGenerator<StoreEvent, void, undefined> {
  for await (const event of events) if (!event.entry.key.startsWith(LEASED)) yield event;
}
