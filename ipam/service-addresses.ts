import { type Cidr, type Ip, ipToBigint } from '../core/address.ts';
import { Conflict } from '../core/errors.ts';
import type { PoolId } from '../core/ids.ts';
import type { AddressOptions } from './address-options.ts';
import type { LeaseBook } from './lease-book.ts';
import { ADDRESS_SPACES } from './pool-decision.ts';
import type { PoolState } from './pool-state.ts';

/** A virtual IP that this host has taken from a pool. */
export interface ServiceLease {
  readonly subnet: Cidr;
  readonly ip: Ip;
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/**
 * The virtual IPs of services. The host that makes one takes it from the pool as an endpoint's address is taken, in a
 * cluster network from a block of its own; what other hosts have made is kept from endpoints here as well.
 */
export class ServiceAddresses {
  readonly #pools: ReadonlyMap<PoolId, PoolState>;
  readonly #leases: LeaseBook;
  /** All virtual IPs of each cluster network. */
  readonly #virtual = new Map<string, readonly Ip[]>();

  constructor(pools: ReadonlyMap<PoolId, PoolState>, leases: LeaseBook) {
    this.#pools = pools;
    this.#leases = leases;
  }

  /** Whether weft gives the addresses of a subnet. */
  gives(subnet: Cidr): boolean {
    return this.#pool(subnet) !== undefined;
  }

  /** The addresses of a subnet that will be given next, at most so many; none where another IPAM gives them. */
  upcoming(subnet: Cidr, count: number): readonly Ip[] {
    const addresses = this.#pool(subnet)?.addresses;
    const ips: Ip[] = [];
    for (let ip = addresses?.firstFree(); ip !== undefined && !ips.includes(ip) && ips.length < count; ) {
      ips.push(ip);
      ip = addresses?.firstFree(ipToBigint(ip) + 1n);
    }
    return ips;
  }

  /**
   * A free address of a subnet, held until it is released.
   * @returns undefined when another IPAM gives the addresses of the subnet.
   * @throws {Exhausted} when none is left; {Unavailable} when finding one takes the cluster and it does not answer.
   */
  async hold(subnet: Cidr, service: string): Promise<Ip | undefined> {
    const pool = this.#pool(subnet);
    if (pool === undefined) return undefined;
    pool.assertGivable();
    return this.#leases.giveAny(pool, asService(service));
  }

  /**
   * Holds an address that a service has by its record; repeating it is safe.
   * @returns false when something else holds it; undefined when another IPAM gives the addresses of the subnet.
   */
  async holdThis(subnet: Cidr, ip: Ip, service: string): Promise<boolean | undefined> {
    const pool = this.#pool(subnet);
    if (pool === undefined) return undefined;
    const held = pool.addresses.held.get(ip);
    if (held !== undefined) return held.kind === 'service' && held.name === service;
    try {
      await this.#leases.giveThis(pool, ip, asService(service));
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  /** Frees the address of a service, which then rests. Anything else that holds it keeps it. */
  async release(subnet: Cidr, ip: Ip): Promise<void> {
    const pool = this.#pool(subnet);
    const lease = pool?.addresses.held.get(ip);
    if (pool === undefined || lease?.kind !== 'service') return;
    await this.#leases.release(pool, ip, lease);
  }

  /** Every address held for a service. */
  *held(): Iterable<ServiceLease> {
    for (const { cidr, addresses } of this.#pools.values())
      for (const { ip, kind, name = '', createdAt } of addresses.held.values())
        if (kind === 'service') yield { subnet: cidr, ip, service: name, createdAt };
  }

  /** All virtual IPs of a cluster network, whichever host has made them: from now on no endpoint here gets one. */
  setVirtual(network: string, ips: readonly Ip[]): void {
    if (ips.length === 0) this.#virtual.delete(network);
    else this.#virtual.set(network, ips);
    for (const { sharing } of this.#pools.values()) if (sharing?.network === network) sharing.setVirtual(ips);
  }

  /** A pool is shared from now on. */
  attached({ sharing }: PoolState): void {
    sharing?.setVirtual(this.#virtual.get(sharing.network) ?? []);
  }

  /** Docker's networks have their pools in its local space. */
  #pool(subnet: Cidr): PoolState | undefined {
    for (const pool of this.#pools.values())
      if (pool.cidr === subnet && pool.space === ADDRESS_SPACES.local && !pool.closing) return pool;
    return undefined;
  }
}

function asService(name: string): AddressOptions {
  return { kind: 'service', serial: false, name };
}
