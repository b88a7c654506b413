import { CLUSTER_KEYS } from '../core/cluster.ts';
import { Conflict } from '../core/errors.ts';
import type { Entry, SharedStore, Store } from '../core/ports.ts';
import { LEASED } from './mirror/shared-from-local.ts';

/** Keys and bytes of one transaction: below etcd's limits. */
const BATCH_KEYS = 100;
const BATCH_BYTES = 1_000_000;
/** Conflicting keys that the message names. */
const NAMED = 8;

export interface MigrateOptions {
  /** What the cluster's keys begin with in `from`: `cluster/`. In `to` they stand without it. */
  readonly prefix: string;
}

/** How many keys were put, and how many were there already, equal. */
export interface Migration {
  readonly copied: number;
  readonly present: number;
}

/**
 * Copies what a cluster of one has in its embedded store to a shared one: everything except what hangs on leases.
 * Nothing is put when `to` has another value for any of the keys. Repeating continues where it broke off; networks
 * come last, so that no other host acts on half of one. Nobody may change `from` meanwhile.
 * @throws {Conflict} naming keys that `to` has with other values.
 * @throws {Unavailable}
 */
export async function migrateStore(
  from: Store,
  to: SharedStore,
  options: MigrateOptions,
): Promise<Migration> {
  const wanted = await clusterEntries(from, options.prefix);
  const there = new Map((await to.list('')).entries.map((entry) => [entry.key, entry.value]));
  const other = wanted.filter(({ key, value }) => {
    const found = there.get(key);
    return found !== undefined && Buffer.compare(found, value) !== 0;
  });
  if (other.length > 0) throw taken(other.map(({ key }) => key));
  const missing = wanted.filter(({ key }) => !there.has(key));
  for (const batch of batches(missing)) {
    await to.commit({
      expect: batch.map(({ key }) => ({ key, revision: 0n })),
      put: batch.map(({ key, value }) => ({ key, value })),
    });
  }
  return { copied: missing.length, present: wanted.length - missing.length };
}

async function clusterEntries(from: Store, prefix: string): Promise<readonly Entry[]> {
  const entries = (await from.list(prefix)).entries.map((entry) => ({
    ...entry,
    key: entry.key.slice(prefix.length),
  }));
  const leased = new Set(
    entries.flatMap(({ key }) => (key.startsWith(LEASED) ? [key, key.slice(LEASED.length)] : [])),
  );
  const isNetwork = ({ key }: Entry) => key.startsWith(CLUSTER_KEYS.network);
  const lasting = entries.filter(({ key }) => !leased.has(key) && !key.startsWith(CLUSTER_KEYS.alive));
  return [...lasting.filter((entry) => !isNetwork(entry)), ...lasting.filter(isNetwork)];
}

function taken(keys: readonly string[]): Conflict {
  const named = keys.slice(0, NAMED).join(', ');
  const more = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : '';
  return new Conflict(
    `migrate: the other store has other values for ${named}${more}; nothing was copied: it belongs to another cluster, or remove them there`,
    { keys: keys.length },
  );
}

function* batches(entries: readonly Entry[]): Generator<readonly Entry[], void, undefined> {
  let batch: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.value.length + Buffer.byteLength(entry.key);
    if (batch.length === BATCH_KEYS || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
