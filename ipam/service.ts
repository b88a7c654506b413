import type { Cidr, IfAddress, Ip } from '../core/address.ts';
import { cidrRange } from '../core/address.ts';
import { Conflict, NotFound } from '../core/errors.ts';
import { type PoolId, quote } from '../core/ids.ts';
import { KeyedMutex } from '../core/keyed-mutex.ts';
import type { Clock, HostRoute, Store } from '../core/ports.ts';
import { type AddressOptions, parseAddressOptions } from './address-options.ts';
import type { Lease } from './addresses.ts';
import { type IpamProblem, type Loaded, loadPools, loadUla } from './load.ts';
import { ADDRESS_SPACES, decidePool, type PoolRequest } from './pool-decision.ts';
import { PoolState } from './pool-state.ts';
import { DEFAULT_IPV4_SOURCES, type PoolSource } from './pools.ts';
import { RecordStore } from './record-store.ts';
import { encodeLease, encodePool, poolKey } from './records.ts';
import { type PoolView, viewOf } from './view.ts';

/** Records deleted in one commit: etcd takes 128 operations, and a turn stays short. */
const DELETES_IN_ONE_COMMIT = 100;
/** All requests for and releases of pools are answered one after the other. */
const POOLS = 'pools';

export interface IpamOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Where automatic IPv4 pools come from; absent: `DEFAULT_IPV4_SOURCES`. */
  readonly defaults?: { readonly ipv4: readonly PoolSource[] };
  /** All routes of the host, now. */
  readonly hostRoutes: () => Promise<readonly HostRoute[]>;
  /** True for links that are weft's own. */
  readonly ownDevices?: (dev: string) => boolean;
  /** Name of the network that has a pool, for messages. */
  readonly nameOfPool?: (id: PoolId) => string | undefined;
  /** How long a released address rests before it is given again automatically; absent: 30 s. */
  readonly restMs?: number;
}

/**
 * IPAM as Docker's IpamDriver protocol asks for it. Every change is durable before it is answered, in one commit
 * (releasing a pool of over a hundred addresses takes several), and every release may be repeated.
 */
export class IpamService {
  readonly #options: IpamOptions;
  readonly #restMs: number;
  readonly #ula: Cidr;
  readonly #pools: Map<PoolId, PoolState>;
  readonly #records: RecordStore;
  readonly #queue = new KeyedMutex();
  /** Stored records that could not be read at load. */
  readonly problems: readonly IpamProblem[];

  private constructor(options: IpamOptions, ula: Cidr, { pools, revisions, problems }: Loaded) {
    this.#options = options;
    this.#restMs = options.restMs ?? 30_000;
    this.#ula = ula;
    this.#pools = pools;
    this.#records = new RecordStore(options.store, revisions);
    this.problems = problems;
  }

  /** Reads the stored state. Unreadable records do not stop it: see `problems`. */
  static async load(options: IpamOptions): Promise<IpamService> {
    const ula = await loadUla(options.store);
    return new IpamService(options, ula, await loadPools(options.store, options.clock.now()));
  }

  /** No MAC needed; no replay, because it cannot be told from a conflict and state is durable here. */
  capabilities(): { readonly requiresMacAddress: false; readonly requiresRequestReplay: false } {
    return { requiresMacAddress: false, requiresRequestReplay: false };
  }

  addressSpaces(): typeof ADDRESS_SPACES {
    return ADDRESS_SPACES;
  }

  /**
   * @throws {InvalidArgument} when a field is wrong; {Conflict} when the subnet overlaps another pool or a host
   * route; {Exhausted} when no automatic pool is left.
   */
  async requestPool(request: PoolRequest): Promise<{ readonly poolId: PoolId; readonly pool: Cidr }> {
    const { hostRoutes, ownDevices, nameOfPool, defaults } = this.#options;
    return this.#queue.run(POOLS, async () => {
      const { id, pool, subPool, repeated } = decidePool(request, {
        held: [...this.#pools.values()].map((state) => ({
          id: state.id,
          space: state.space,
          pool: state.cidr,
        })),
        routes: await hostRoutes(),
        sources: defaults?.ipv4 ?? DEFAULT_IPV4_SOURCES,
        ula: this.#ula,
        ownDevice: ownDevices ?? (() => false),
        nameOfPool: nameOfPool ?? (() => undefined),
      });
      if (repeated) {
        await this.#markRepeated(id);
      } else {
        const { options, space } = request;
        const base = { options, repeated: false, createdAt: this.#options.clock.now() };
        const state = new PoolState({ id, space, pool }, subPool === undefined ? base : { ...base, subPool });
        await this.#records.put(poolKey(id), encodePool(state.record));
        this.#pools.set(id, state);
      }
      return { poolId: id, pool };
    });
  }

  /** Frees a pool and all its addresses; an unknown one is freed already. */
  async releasePool(poolId: string): Promise<void> {
    await this.#queue.run(POOLS, async () => {
      const pool = this.#pools.get(poolId as PoolId);
      if (pool === undefined) return;
      pool.closing = true;
      try {
        await this.#deleteRecords(pool);
        this.#pools.delete(pool.id);
      } finally {
        pool.closing = false;
      }
    });
  }

  /**
   * An address with the pool's prefix length: the one asked for, or one chosen.
   * @throws {NotFound} for an unknown pool; {InvalidArgument} for an address no host of the pool can have;
   * {Conflict} for one that is held, naming the holder; {Exhausted} when none is left.
   */
  async requestAddress(request: {
    readonly poolId: string;
    readonly address?: Ip | undefined;
    readonly options: Readonly<Record<string, string>> | null;
  }): Promise<IfAddress> {
    const asked = parseAddressOptions(request.options);
    const pool = this.#openPool(request.poolId);
    const now = this.#options.clock.now();
    pool.wake(now);
    const { address } = request;
    const prefix = cidrRange(pool.cidr).prefix;
    if (address === undefined) {
      const ip = asked.kind === 'gateway' ? pool.addresses.nextGateway(now) : pool.addresses.next(now);
      await this.#hold(pool, ip, asked);
      return { ip, prefix };
    }
    pool.addresses.assertUsable(address);
    await this.#queue.run(pool.keyOf(address), async () => {
      const holder = pool.addresses.held.get(address);
      if (holder === undefined) await this.#hold(pool, address, asked);
      else assertRepeat(pool, holder, asked);
    });
    return { ip: address, prefix };
  }

  /** Frees an address, which then rests; one that is not held is free already. */
  async releaseAddress(request: { readonly poolId: string; readonly address: Ip }): Promise<void> {
    const pool = this.#pools.get(request.poolId as PoolId);
    if (pool !== undefined) await this.#release(pool, request.address);
  }

  /** All pools, sorted by address space and subnet text. */
  list(): readonly PoolView[] {
    const now = this.#options.clock.now();
    const pools = [...this.#pools.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const pool of pools) pool.wake(now, Number.POSITIVE_INFINITY);
    return pools.map(viewOf);
  }

  /**
   * Releases what is at least `graceMs` old and that nobody knows, for the garbage collector; says what went.
   */
  async sweep(keep: {
    readonly graceMs: number;
    readonly pool: (pool: PoolView) => boolean;
    readonly lease: (pool: PoolView, lease: Lease) => boolean;
  }): Promise<{
    readonly pools: readonly PoolId[];
    readonly leases: readonly { readonly poolId: PoolId; readonly ip: Ip }[];
  }> {
    const before = this.#options.clock.now() - keep.graceMs;
    const pools: PoolId[] = [];
    const leases: { readonly poolId: PoolId; readonly ip: Ip }[] = [];
    for (const state of [...this.#pools.values()]) {
      const view = viewOf(state);
      if (state.record.createdAt <= before && !keep.pool(view)) {
        await this.releasePool(state.id);
        pools.push(state.id);
        continue;
      }
      const unknown = view.leases.filter((lease) => lease.createdAt <= before && !keep.lease(view, lease));
      for (const lease of unknown) {
        if (await this.#release(state, lease.ip, lease)) leases.push({ poolId: state.id, ip: lease.ip });
      }
    }
    return { pools, leases };
  }

  #openPool(poolId: string): PoolState {
    const pool = this.#pools.get(poolId as PoolId);
    if (pool === undefined || pool.closing) {
      throw new NotFound(`pool ${quote(poolId)} is not held here: create the network again`, { poolId });
    }
    return pool;
  }

  /** Takes the address in memory at once, so that no other request can, and gives it back if storing it fails. */
  async #hold(pool: PoolState, ip: Ip, { kind, name, mac }: AddressOptions): Promise<void> {
    const lease: Lease = {
      ip,
      kind,
      createdAt: this.#options.clock.now(),
      ...(name === undefined ? {} : { name }),
      ...(mac === undefined ? {} : { mac }),
    };
    const restsUntil = pool.addresses.resting.get(ip);
    const wasStale = pool.stale.delete(ip);
    pool.addresses.hold(lease);
    try {
      await this.#putLease(pool, ip, encodeLease({ lease }));
    } catch (error) {
      if (pool.addresses.held.get(ip) === lease) pool.addresses.drop(ip);
      if (restsUntil !== undefined) pool.addresses.rest(ip, restsUntil);
      if (wasStale) pool.stale.add(ip);
      throw error;
    }
    // ReleasePool came in between and has deleted the record with all others.
    if (pool.addresses.held.get(ip) !== lease)
      throw new NotFound(`pool ${pool.id} was released`, { poolId: pool.id });
  }

  async #release(pool: PoolState, ip: Ip, only?: Lease): Promise<boolean> {
    return this.#queue.run(pool.keyOf(ip), async () => {
      const lease = pool.addresses.held.get(ip);
      if (lease === undefined || pool.closing || (only !== undefined && lease !== only)) return false;
      const now = this.#options.clock.now();
      pool.wake(now);
      const restsUntil = now + this.#restMs;
      await this.#putLease(pool, ip, encodeLease({ lease, restsUntil }));
      if (pool.addresses.held.get(ip) === lease) pool.addresses.rest(ip, restsUntil);
      return true;
    });
  }

  async #markRepeated(id: PoolId): Promise<void> {
    const pool = this.#openPool(id);
    if (pool.record.repeated) return;
    const record = { ...pool.record, repeated: true };
    await this.#records.put(poolKey(id), encodePool(record));
    pool.record = record;
  }

  /** Stores one address, and deletes some records that have served their time in the same commit. */
  async #putLease(pool: PoolState, ip: Ip, value: Uint8Array): Promise<void> {
    const stale = pool.takeStale();
    try {
      await this.#records.put(
        pool.keyOf(ip),
        value,
        stale.map((gone) => pool.keyOf(gone)),
      );
    } catch (error) {
      for (const gone of stale) if (!pool.addresses.held.has(gone)) pool.stale.add(gone);
      throw error;
    }
  }

  /** The pool's own record goes last: a crash in between leaves a smaller pool, which can be released again. */
  async #deleteRecords(pool: PoolState): Promise<void> {
    for (;;) {
      const ips = pool.recorded().slice(0, DELETES_IN_ONE_COMMIT);
      const last = ips.length < DELETES_IN_ONE_COMMIT;
      const keys = [...ips.map((ip) => pool.keyOf(ip)), ...(last ? [poolKey(pool.id)] : [])];
      await this.#records.delete(keys);
      for (const ip of ips) pool.forget(ip);
      if (last) return;
    }
  }
}

/** Swarm asks again for what it has: managers with a mark, nodes after asking for the pool again. */
function assertRepeat(pool: PoolState, holder: Lease, { kind, serial }: AddressOptions): void {
  if ((serial || pool.record.repeated) && kind === holder.kind) return;
  const who = holder.kind === 'gateway' ? 'the gateway' : `endpoint ${holder.name ?? 'without a name'}`;
  throw new Conflict(
    `${kind === 'gateway' ? 'gateway ' : ''}address ${holder.ip} of pool ${pool.cidr} is in use by ${who}`,
    {
      ip: holder.ip,
      pool: pool.cidr,
    },
  );
}
