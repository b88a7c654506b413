import type { Cidr, IfAddress, Ip } from '../core/address.ts';
import { cidrRange } from '../core/address.ts';
import { Conflict, NotFound, Unsupported } from '../core/errors.ts';
import { type PoolId, quote } from '../core/ids.ts';
import { KeyedMutex } from '../core/keyed-mutex.ts';
import { type AddressOptions, parseAddressOptions } from './address-options.ts';
import type { Lease } from './addresses.ts';
import type { ClusterPool } from './cluster/cluster-addresses.ts';
import type { IpamOptions } from './ipam-options.ts';
import { LeaseBook } from './lease-book.ts';
import { type IpamProblem, type Loaded, loadPools, loadUla } from './load.ts';
import {
  ADDRESS_SPACES,
  decidePool,
  NETWORK_OPTION,
  type PoolDecision,
  type PoolRequest,
} from './pool-decision.ts';
import { PoolState } from './pool-state.ts';
import { DEFAULT_IPV4_SOURCES } from './pools.ts';
import { RecordStore } from './record-store.ts';
import { encodePool, poolKey } from './records.ts';
import { ServiceAddresses } from './service-addresses.ts';
import { type PoolView, viewOf } from './view.ts';

/** All requests for and releases of pools are answered one after the other. */
const POOLS = 'pools';
/** How long an address that somebody else on the LAN has is not tried again, while others are free. */
const CONFLICT_REST_MS = 600_000;

/**
 * IPAM as Docker's IpamDriver protocol asks for it. Every change is durable before it is answered, in one commit
 * (releasing a pool of over a hundred addresses takes several), and every release may be repeated.
 */
export class IpamService {
  readonly #options: IpamOptions;
  readonly #ula: Cidr;
  readonly #pools: Map<PoolId, PoolState>;
  readonly #records: RecordStore;
  readonly #leases: LeaseBook;
  readonly #queue = new KeyedMutex();
  /** Stored records that could not be read at load. */
  readonly problems: readonly IpamProblem[];
  readonly services: ServiceAddresses;

  private constructor(options: IpamOptions, ula: Cidr, { pools, revisions, problems }: Loaded) {
    this.#options = options;
    this.#ula = ula;
    this.#pools = pools;
    this.#records = new RecordStore(options.store, revisions);
    const { clock, restMs = 30_000, holderOf = async () => undefined } = options;
    this.#leases = new LeaseBook(this.#records, {
      clock,
      restMs,
      conflictRestMs: CONFLICT_REST_MS,
      holderOf,
    });
    this.problems = problems;
    this.services = new ServiceAddresses(pools, this.#leases);
    for (const pool of pools.values()) this.#attach(pool);
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
      const decision = decidePool(request, {
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
        cluster: this.#clusterSubnets(),
      });
      if (decision.repeated) await this.#markRepeated(decision.id);
      else await this.#addPool(request, decision);
      return { poolId: decision.id, pool: decision.pool };
    });
  }

  /** Frees a pool and all its addresses; an unknown one is freed already. */
  async releasePool(poolId: string): Promise<void> {
    await this.#queue.run(POOLS, async () => {
      const pool = this.#pools.get(poolId as PoolId);
      if (pool === undefined) return;
      pool.closing = true;
      try {
        await this.#leases.deleteAll(pool);
        this.#pools.delete(pool.id);
        pool.released = true;
        if (pool.sharing !== undefined) this.#options.cluster?.detach(pool.sharing);
      } finally {
        pool.closing = false;
      }
    });
  }

  /**
   * An address with the pool's prefix length: the one asked for, or one chosen. On a LAN it is one that nobody else has.
   * @param request.isInUse a container has it already, so that nobody is asked.
   * @throws {NotFound} for an unknown pool; {InvalidArgument} for an address no host of the pool can have;
   * {Conflict} for one that is held, naming the holder; {Exhausted} when none is left.
   */
  async requestAddress(request: {
    readonly poolId: string;
    readonly address?: Ip | undefined;
    readonly options: Readonly<Record<string, string>> | null;
    readonly isInUse?: true;
  }): Promise<IfAddress> {
    const asked = { ...parseAddressOptions(request.options), isInUse: request.isInUse === true };
    const pool = this.#openPool(request.poolId);
    pool.assertGivable();
    pool.wake(this.#options.clock.now());
    const prefix = cidrRange(pool.cidr).prefix;
    const { address } = request;
    if (address !== undefined) {
      this.#assertNotGateway(pool, address, asked);
      await this.#leases.giveThis(pool, address, asked);
      return { ip: address, prefix };
    }
    const ip =
      asked.kind === 'gateway'
        ? await this.#leases.giveGateway(pool, asked, this.#definition(pool.cidr)?.gateway)
        : await this.#leases.giveAny(pool, asked);
    return { ip, prefix };
  }

  /** Frees an address, which then rests; one that is not held is free already. */
  async releaseAddress(request: { readonly poolId: string; readonly address: Ip }): Promise<void> {
    const pool = this.#pools.get(request.poolId as PoolId);
    if (pool !== undefined) await this.#leases.release(pool, request.address);
  }

  /**
   * From now on automatic addresses of the pool come only from blocks that this host owns in the cluster network, and
   * fixed ones from wherever they are. Lasts until the pool is released; repeating it is safe. Addresses given before
   * are made known to the cluster, which waits for the store no longer than a request does and goes on later.
   * @param reserved gateway and auxiliary addresses of the network's definition.
   * @returns the leases of the pool whose addresses somebody else has too, as far as known.
   * @throws {NotFound} for an unknown pool; {Conflict} when it is shared in another network; {Unsupported} without a
   * cluster.
   */
  async share(poolId: string, network: string, reserved: readonly Ip[]): Promise<readonly Lease[]> {
    const sharing = await this.#queue.run(POOLS, async () => {
      const pool = this.#openPool(poolId);
      const { shared } = pool.record;
      if (shared !== undefined && shared.network !== network) {
        throw new Conflict(`pool ${pool.cidr} belongs to network ${shared.network}, not to ${network}`, {
          poolId,
        });
      }
      const record = { ...pool.record, shared: { network, reserved } };
      if (JSON.stringify(shared) !== JSON.stringify(record.shared)) {
        await this.#records.put(poolKey(pool.id), encodePool(record));
        pool.record = record;
      }
      this.#attach(pool);
      pool.sharing?.reserve(reserved);
      return pool.sharing;
    });
    if (sharing === undefined) throw new Unsupported(`pool ${poolId} cannot be shared: there is no cluster`);
    await sharing.cover();
    return sharing.conflicts;
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
        if (await this.#leases.release(state, lease.ip, lease))
          leases.push({ poolId: state.id, ip: lease.ip });
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

  async #addPool({ space, options }: PoolRequest, decision: PoolDecision): Promise<void> {
    const { id, subPool, chosen } = decision;
    const name = options?.[NETWORK_OPTION];
    const joined = name === undefined ? undefined : this.#definition(decision.pool, name);
    const pool = new PoolState(
      { id, space, pool: decision.pool },
      {
        options,
        repeated: false,
        createdAt: this.#options.clock.now(),
        ...(subPool === undefined ? {} : { subPool }),
        ...(chosen ? { chosen } : {}),
        ...(joined === undefined ? {} : { shared: { network: joined.name, reserved: joined.reserved } }),
      },
    );
    await this.#records.put(poolKey(pool.id), encodePool(pool.record));
    this.#pools.set(pool.id, pool);
    this.#attach(pool);
  }

  #clusterSubnets(): readonly ClusterPool[] {
    return [...(this.#options.clusterSubnets?.() ?? [])];
  }

  /** The cluster network that has exactly this subnet. */
  #definition(pool: Cidr, name?: string): ClusterPool | undefined {
    return this.#clusterSubnets().find(
      (subnet) => subnet.cidr === pool && subnet.name === (name ?? subnet.name),
    );
  }

  #attach(pool: PoolState): void {
    const { shared } = pool.record;
    if (shared === undefined || pool.sharing !== undefined) return;
    pool.sharing = this.#options.cluster?.attach(shared.network, pool, shared.reserved);
    this.services.attached(pool);
  }

  /** The gateway is every host's, so no record says that a container may not have it. */
  #assertNotGateway(pool: PoolState, address: Ip, { kind }: AddressOptions): void {
    if (pool.sharing === undefined || kind === 'gateway') return;
    if (this.#definition(pool.cidr)?.gateway !== address) return;
    throw new Conflict(`address ${address} of pool ${pool.cidr} is in use by the gateway`, { ip: address });
  }

  async #markRepeated(id: PoolId): Promise<void> {
    const pool = this.#openPool(id);
    if (pool.record.repeated) return;
    const record = { ...pool.record, repeated: true };
    await this.#records.put(poolKey(id), encodePool(record));
    pool.record = record;
  }
}
