import type { Store } from '../core/ports.ts';
import { LEASE_PREFIX } from './records.ts';

/** Writes records by compare-and-swap against the revisions it has seen: a second writer is noticed, never overwritten. */
export class RecordStore {
  readonly #store: Store;
  readonly #revisions: Map<string, bigint>;

  constructor(store: Store, revisions: Map<string, bigint>) {
    this.#store = store;
    this.#revisions = revisions;
  }

  /**
   * Stores one record and deletes others, in one commit.
   * @throws {Conflict} when somebody else has written the record; then, as on any failure, nothing has changed.
   */
  async put(key: string, value: Uint8Array, deleting: readonly string[] = []): Promise<void> {
    const expect = [{ key, revision: this.#revisions.get(key) ?? 0n }];
    const before = deleting.map((gone) => [gone, this.#revisions.get(gone)] as const);
    // At once, because a commit made before this one is durable comes after it and finds the key gone.
    for (const gone of deleting) this.#revisions.delete(gone);
    try {
      const txn = { expect, put: [{ key, value }], delete: deleting, durability: durabilityOf(key) };
      this.#revisions.set(key, await this.#store.commit(txn));
    } catch (error) {
      for (const [gone, revision] of before) if (revision !== undefined) this.#revisions.set(gone, revision);
      throw error;
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#store.commit({ delete: keys });
    for (const key of keys) this.#revisions.delete(key);
  }
}

/**
 * No container survives a loss of power, so its lease need not. The leases of a network's gateway and auxiliary
 * addresses are synced with the network itself, which is stored after them.
 */
function durabilityOf(key: string): 'machine' | 'process' {
  return key.startsWith(LEASE_PREFIX) ? 'process' : 'machine';
}
