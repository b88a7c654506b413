import { BITS, type Cidr, cidrRange, type Family, familyOf, type Ip, ipToBigint } from '../core/address.ts';
import type { PoolId } from '../core/ids.ts';
import type { Lease } from './addresses.ts';
import type { PoolState } from './pool-state.ts';

/** A pool as operators see it. */
export interface PoolView {
  readonly poolId: PoolId;
  readonly space: string;
  readonly pool: Cidr;
  readonly family: Family;
  readonly subPool?: Cidr;
  readonly options: Readonly<Record<string, string>> | null;
  readonly createdAt: number;
  /** Addresses automatic requests can be given in all; more than 2^53 are rounded. */
  readonly size: number;
  /** Addresses held: gateway, endpoints, auxiliary ones. */
  readonly used: number;
  readonly resting: number;
  readonly gateway?: Ip;
  /** Held addresses in numeric order. Made when read, because it may be long. */
  readonly leases: readonly Lease[];
}

export function viewOf(pool: PoolState): PoolView {
  const { addresses, record } = pool;
  const gateway = gatewayOf(pool);
  return {
    poolId: pool.id,
    space: pool.space,
    pool: pool.cidr,
    family: familyOf(pool.cidr),
    ...(record.subPool === undefined ? {} : { subPool: record.subPool }),
    options: record.options,
    createdAt: record.createdAt,
    size: Number(addresses.size),
    used: addresses.held.size,
    resting: addresses.resting.size,
    ...(gateway === undefined ? {} : { gateway }),
    get leases() {
      return sortedLeases(pool);
    },
  };
}

function gatewayOf(pool: PoolState): Ip | undefined {
  // Docker asks for the gateway before anything else, so it is found at once where there is one.
  for (const lease of pool.addresses.held.values()) if (lease.kind === 'gateway') return lease.ip;
  return undefined;
}

function sortedLeases(pool: PoolState): readonly Lease[] {
  const width = BITS[familyOf(pool.cidr)] / 4;
  const { first } = cidrRange(pool.cidr);
  const place = (ip: Ip) => (ipToBigint(ip) - first).toString(16).padStart(width, '0');
  const placed = [...pool.addresses.held.values()].map((lease) => ({ lease, at: place(lease.ip) }));
  return placed.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ lease }) => lease);
}
