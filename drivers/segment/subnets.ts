import { cidrContains, cidrsOverlap, type IfAddress, type Ip } from '../../core/address.ts';
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
        `subnet ${subnet.pool} covers every address: the null IPAM driver cannot serve a bridge`,
        {
          field: 'Pool',
        },
      );
    }
    const twin = subnets.slice(0, index).find((earlier) => cidrsOverlap(earlier.pool, subnet.pool));
    if (twin !== undefined)
      throw new InvalidArgument(`subnets ${twin.pool} and ${subnet.pool} overlap`, { field: 'Pool' });
    checkOthers(subnet, others);
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
