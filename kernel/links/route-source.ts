import { type Cidr, cidrsOverlap, familyOf, type IfAddress, type Ip, subnetOf } from '../../core/address.ts';
import type { RouteObject } from '../../core/kernel-objects.ts';
import { decodeAddress, encodeAddress, RT_SCOPE, RTM } from '../netlink/index.ts';
import { dumpOfLink } from './dumps.ts';
import { knownIndex, type LinkMaker } from './link-step.ts';
import type { SentRoute } from './object-messages.ts';

type Place = Pick<LinkMaker, 'transport' | 'links'>;

/** Addresses of a device with which the host speaks beyond it, in the kernel's order; none where it is gone. */
export async function addressesOf(
  { transport, links }: Place,
  device: string,
): Promise<readonly IfAddress[]> {
  const index = await knownIndex(links, device);
  if (index === undefined) return [];
  const payload = encodeAddress({ index }, {});
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
  const possible = addresses.filter(({ ip }) => familyOf(ip) === familyOf(destination));
  const beside = possible.find((address) => cidrsOverlap(subnetOf(address), destination));
  return (beside ?? possible[0])?.ip;
}

/** A route with the address that the host is to speak with, where the device that the route names has one. */
export async function withSource(place: Place, route: RouteObject): Promise<SentRoute> {
  const { sourceOf, destination } = route;
  if (sourceOf === undefined) return route;
  const source = nearest(await addressesOf(place, sourceOf), destination);
  return source === undefined ? route : { ...route, source };
}
