import { BITS, type Cidr, cidrRange, type Family, familyOf, type Ip, ipToBigint } from '../core/address.ts';
import type { PoolId } from '../core/ids.ts';
import type { AddressConflict, Lease } from './addresses.ts';
import type { SharedSubnetView } from './cluster/share-view.ts';
import type { PoolState } from './pool-state.ts';

/** A pool as operators see it. */
export interface PoolView {
  readonly poolId: PoolId;
  readonly space: string;
  readonly pool: Cidr;
  readonly family: Family;
  readonly subPool?: Cidr;
  readonly options: Readonly<Record<string, string>> | null;
  /** Nobody named the subnet: weft chose it. */
  readonly chosen: boolean;
  readonly createdAt: number;
  /** Addresses automatic requests can be given in all; more than 2^53 are rounded. */
  readonly size: number;
  /** Addresses held: gateway, endpoints, auxiliary ones. */
  readonly used: number;
  readonly resting: number;
  /** Addresses that somebody else on the LAN has, in numeric order. */
  readonly conflicts: readonly AddressConflict[];
  readonly gateway?: Ip;
  /** How the hosts share it, when it belongs to a cluster network. */
  readonly cluster?: SharedSubnetView;
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
    chosen: record.chosen === true,
    createdAt: record.createdAt,
    size: Number(addresses.size),
    used: addresses.held.size,
    resting: addresses.resting.size,
    conflicts: inAddressOrder(pool.cidr, [...addresses.conflicts.values()]),
    ...(gateway === undefined ? {} : { gateway }),
    ...(pool.sharing === undefined ? {} : { cluster: pool.sharing.view() }),
    get leases() {
      return inAddressOrder(pool.cidr, [...addresses.held.values()]);
    },
  };
}

function gatewayOf(pool: PoolState): Ip | undefined {
  // Docker asks for the gateway before anything else, so it is found at once where there is one.
  for (const lease of pool.addresses.held.values()) if (lease.kind === 'gateway') return lease.ip;
  return undefined;
}

/** What is about addresses of a subnet, in their numeric order. */
export function inAddressOrder<T extends { readonly ip: Ip }>(
  subnet: Cidr,
  items: readonly T[],
): readonly T[] {
  const width = BITS[familyOf(subnet)] / 4;
  const { first } = cidrRange(subnet);
  const place = (ip: Ip) => (ipToBigint(ip) - first).toString(16).padStart(width, '0');
  const placed = items.map((item) => ({ item, at: place(item.ip) }));
  return placed.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ item }) => item);
}
