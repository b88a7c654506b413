import { randomBytes } from 'node:crypto';
import { type Cidr, parseCidr } from '../core/address.ts';
import { Conflict, DecodeError, errorMessage } from '../core/errors.ts';
import type { PoolId } from '../core/ids.ts';
import type { Entry, Store } from '../core/ports.ts';
import type { Lease } from './addresses.ts';
import { PoolState } from './pool-state.ts';
import { ulaPrefix } from './pools.ts';
import {
  conflictOf,
  decodeLease,
  decodePool,
  LEASE_PREFIX,
  type LeaseRecord,
  POOL_PREFIX,
  type PoolRecord,
  parseLeaseKey,
  parsePoolKey,
  ULA_KEY,
} from './records.ts';

/** A stored record that could not be read, and what was assumed instead. */
export interface IpamProblem {
  readonly key: string;
  readonly reason: string;
}

/** The state as stored. */
export interface Loaded {
  readonly pools: Map<PoolId, PoolState>;
  readonly revisions: Map<string, bigint>;
  readonly problems: readonly IpamProblem[];
}

/**
 * Rebuilds the index. A key alone says what is held, so an unreadable value loses details, never an address: the pool
 * or address counts as held, and is reported. Addresses without a pool are reported and left alone.
 */
export async function loadPools(store: Store, now: number): Promise<Loaded> {
  const loading = new Loading(now);
  for (const entry of (await store.list(POOL_PREFIX)).entries) loading.addPool(entry);
  for (const entry of (await store.list(LEASE_PREFIX)).entries) loading.addLease(entry);
  loading.finish();
  return loading;
}

class Loading implements Loaded {
  readonly pools = new Map<PoolId, PoolState>();
  readonly revisions = new Map<string, bigint>();
  readonly problems: IpamProblem[] = [];
  readonly #now: number;
  readonly #resting: { readonly pool: PoolState; readonly record: LeaseRecord; readonly until: number }[] =
    [];
  readonly #newest = new Map<PoolState, Lease>();

  constructor(now: number) {
    this.#now = now;
  }

  addPool(entry: Entry): void {
    const where = this.#read(entry, () => parsePoolKey(entry.key), undefined);
    if (where === undefined) return;
    const unknown: PoolRecord = { options: {}, repeated: false, createdAt: this.#now };
    const record = this.#read(entry, () => decodePool(entry.key, entry.value), unknown);
    this.pools.set(where.id, new PoolState(where, record));
    this.revisions.set(entry.key, entry.revision);
  }

  addLease(entry: Entry): void {
    this.revisions.set(entry.key, entry.revision);
    const where = this.#read(entry, () => parseLeaseKey(entry.key), undefined);
    if (where === undefined) return;
    const pool = this.pools.get(where.id);
    if (pool === undefined) {
      this.problems.push({ key: entry.key, reason: `address of pool ${where.id}, which is not held` });
      return;
    }
    const unknown: LeaseRecord = { lease: { ip: where.ip, kind: 'endpoint', createdAt: this.#now } };
    const record = this.#read(entry, () => decodeLease(entry.key, where.ip, entry.value), unknown);
    if (record.restsUntil !== undefined) {
      this.#resting.push({ pool, record, until: record.restsUntil });
      return;
    }
    pool.addresses.hold(record.lease);
    const newest = this.#newest.get(pool);
    if (newest === undefined || record.lease.createdAt >= newest.createdAt)
      this.#newest.set(pool, record.lease);
  }

  /** Addresses go to rest in the order in which they will wake. */
  finish(): void {
    this.#resting.sort((a, b) => a.until - b.until);
    for (const { pool, record, until } of this.#resting) {
      const conflict = conflictOf(record);
      if (conflict === undefined) pool.addresses.rest(record.lease.ip, until);
      else pool.addresses.setAside(conflict);
    }
    for (const [pool, lease] of this.#newest) {
      if (lease.kind === 'endpoint') pool.addresses.continueAfter(lease.ip);
    }
    for (const pool of this.pools.values()) pool.wake(this.#now, Number.POSITIVE_INFINITY);
  }

  #read<T, U>(entry: Entry, read: () => T, otherwise: U): T | U {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.problems.push({ key: entry.key, reason: `${error.message}: ${errorMessage(error.cause)}` });
      return otherwise;
    }
  }
}

/**
 * The /48 of this installation (RFC 4193), made of 40 random bits the first time and kept from then on.
 */
export async function loadUla(store: Store): Promise<Cidr> {
  const found = await readUla(store);
  if (found !== undefined) return found;
  const made = ulaPrefix(randomBytes(5));
  try {
    await store.commit({
      expect: [{ key: ULA_KEY, revision: 0n }],
      put: [{ key: ULA_KEY, value: new TextEncoder().encode(made) }],
    });
    return made;
  } catch (error) {
    const other = error instanceof Conflict ? await readUla(store) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

async function readUla(store: Store): Promise<Cidr | undefined> {
  const entry = (await store.list(ULA_KEY)).entries.find(({ key }) => key === ULA_KEY);
  return entry === undefined ? undefined : parseCidr(new TextDecoder().decode(entry.value), ULA_KEY);
}
