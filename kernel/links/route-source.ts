import { type Cidr, cidrsOverlap, familyOf, type IfAddress, type Ip, subnetOf } from '../../core/address.ts';
import type { RouteObject } from '../../core/kernel-objects.ts';
import { AF, decodeAddress, encodeAddress, type NetlinkTransport, RT_SCOPE, RTM } from '../netlink/index.ts';
import { dumpOfLink } from './dumps.ts';
import type { LinkTable } from './link-table.ts';

interface Place {
  readonly transport: NetlinkTransport;
  readonly links: LinkTable;
}

/** IPv4 addresses of a device with which the host speaks beyond it, in the kernel's order; none where it is gone. */
export async function addressesOf(
  { transport, links }: Place,
  device: string,
): Promise<readonly IfAddress[]> {
  await links.find([device]);
  const index = links.get(device);
  if (index === undefined) return [];
  const payload = encodeAddress({ family: AF.AF_INET, index }, {});
  const replies = await dumpOfLink(transport, { type: RTM.RTM_GETADDR, flags: 0, payload });
  return replies.flatMap((reply) => {
    const { header, fields } = decodeAddress(reply.payload);
    const ip = fields.local ?? fields.address;
    return ip === undefined || header.scope !== RT_SCOPE.RT_SCOPE_UNIVERSE
      ? []
      : [{ ip, prefix: header.prefix }];
  });
}

/** As the kernel would choose, were the route by that device: beside the destination, else the first (inet_select_addr()). */
export function nearest(addresses: readonly IfAddress[], destination: Cidr): Ip | undefined {
  const beside = addresses.find((address) => cidrsOverlap(subnetOf(address), destination));
  return (beside ?? addresses[0])?.ip;
}

/** An IPv4 route with the address that the host is to speak with, where the device that the route names has one. */
export async function withSource(
  place: Place,
  route: RouteObject,
): Promise<RouteObject & { readonly source?: Ip }> {
  const { sourceOf, destination } = route;
  if (sourceOf === undefined || familyOf(destination) === 6) return route;
  const source = nearest(await addressesOf(place, sourceOf), destination);
  return source === undefined ? route : { ...route, source };
}
