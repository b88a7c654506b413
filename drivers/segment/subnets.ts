import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatIfAddress,
  type IfAddress,
  type Ip,
  reservedRole,
  subnetOf,
  UNUSABLE_RANGES,
} from '../../core/address.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import type { Network, NetworkRequest, Subnet } from '../../core/model.ts';

/**
 * Subnets a bridge can carry: at least one, no null-IPAM placeholder, no overlap among themselves or with another
 * network that has a bridge on this host (two bridges with one connected route would steal each other's traffic).
 * @throws {InvalidArgument} or {Conflict}, naming the subnet and the other network.
 */
export function checkSubnets(request: NetworkRequest, others: readonly Network[]): void {
  const subnets = [...request.ipv4, ...request.ipv6];
  if (subnets.length === 0) {
    throw new InvalidArgument(
      'the network has neither an IPv4 nor an IPv6 subnet: use --ipam-driver weft or the default',
    );
  }
  for (const [index, subnet] of subnets.entries()) {
    if (subnet.pool.endsWith('/0')) {
      throw new InvalidArgument(
        `subnet ${subnet.pool} covers every address: the null IPAM driver gives no addresses`,
        {
          field: 'Pool',
        },
      );
    }
    checkSubnet(subnet);
    const twin = subnets.slice(0, index).find((earlier) => cidrsOverlap(earlier.pool, subnet.pool));
    if (twin !== undefined)
      throw new InvalidArgument(`subnets ${twin.pool} and ${subnet.pool} overlap`, { field: 'Pool' });
    checkOthers(subnet, others);
  }
}

/** What IPAM drivers other than weft's, and users of them, can get wrong. */
function checkSubnet({ pool, gateway }: Subnet): void {
  const unusable = UNUSABLE_RANGES.find((range) => cidrsOverlap(range, pool));
  if (unusable !== undefined) {
    throw new InvalidArgument(`subnet ${pool} overlaps ${unusable}, which containers cannot use`, {
      field: 'Pool',
    });
  }
  if (gateway !== undefined) checkHome(gateway, [pool], 'gateway');
}

/**
 * The address of an endpoint must be of a subnet of its network, and nobody else's by its place.
 * @throws {InvalidArgument} naming the address and the subnets; {Conflict} when it is a gateway's.
 */
export function checkEndpointAddress(address: IfAddress, subnets: readonly Subnet[]): void {
  checkHome(
    address,
    subnets.map(({ pool }) => pool),
    'address',
  );
  const taken = subnets.find(({ gateway }) => gateway?.ip === address.ip);
  if (taken !== undefined) {
    throw new Conflict(`address ${address.ip} is the gateway of subnet ${taken.pool}`, { ip: address.ip });
  }
}

function checkHome(address: IfAddress, pools: readonly Cidr[], what: 'gateway' | 'address'): void {
  const text = formatIfAddress(address);
  const home = pools.find((pool) => pool === subnetOf(address));
  if (home === undefined) {
    const known = pools.length === 0 ? 'the network, which has none of that family' : pools.join(', ');
    throw new InvalidArgument(`${what} ${text} is not in subnet ${known}`, { field: what });
  }
  const role = reservedRole(home, address.ip);
  if (role !== undefined) {
    throw new InvalidArgument(`${what} ${address.ip} is the ${role} address of subnet ${home}`, {
      field: what,
    });
  }
}

function checkOthers(subnet: Subnet, others: readonly Network[]): void {
  for (const other of others) {
    for (const held of [...other.request.ipv4, ...other.request.ipv6]) {
      if (cidrsOverlap(held.pool, subnet.pool)) {
        throw new Conflict(
          `subnet ${subnet.pool} overlaps ${held.pool} of network ${other.request.id.slice(0, 12)}`,
          {
            network: other.request.id,
          },
        );
      }
    }
  }
}

/** The gateway of the subnet that holds `address`; the family's first gateway when none does. */
export function gatewayFor(subnets: readonly Subnet[], address: Ip): Ip | undefined {
  const home = subnets.find((subnet) => cidrContains(subnet.pool, address));
  return (home ?? subnets[0])?.gateway?.ip;
}

/** Gateway addresses the bridge itself holds, in the order of the subnets. */
export function gatewayAddresses(subnets: readonly Subnet[]): readonly IfAddress[] {
  return subnets.flatMap((subnet) => (subnet.gateway === undefined ? [] : [subnet.gateway]));
}
