import { familyOf, type Ip } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import {
  addressFamily,
  decodeRoute,
  encodeRoute,
  fromAttributes,
  type NetlinkTransport,
  RTAX,
  RTM,
  u32,
} from '../netlink/index.ts';
import type { LinkTable } from './link-table.ts';
import { allLinks } from './link-table.ts';

const METRICS = { mtu: [RTAX.RTAX_MTU, u32] } as const;
const NO_ROUTE: readonly string[] = ['ENETUNREACH', 'EHOSTUNREACH', 'EINVAL', 'EACCES', 'ESRCH'];

/**
 * The largest IP packet, in bytes, that leaves for each address unfragmented as far as this host knows: the MTU of its
 * route if that has one (also one learned from an ICMP error), else of the link it leaves by. Undefined without a route.
 * @throws {KernelError}
 */
export async function pathMtus(
  transport: NetlinkTransport,
  links: LinkTable,
  to: readonly Ip[],
): Promise<readonly (number | undefined)[]> {
  if (to.length === 0) return [];
  const [found, routes] = await Promise.all([
    allLinks(transport, links),
    Promise.all(to.map((ip) => routeTo(transport, ip))),
  ]);
  const linkMtus = new Map(found.map(({ header, fields }) => [header.index, fields.mtu]));
  return routes.map((route) => {
    if (route === undefined) return undefined;
    const { mtu } = route.metrics === undefined ? {} : fromAttributes(METRICS, route.metrics);
    return mtu ?? linkMtus.get(route.oif ?? 0);
  });
}

async function routeTo(transport: NetlinkTransport, destination: Ip) {
  const family = addressFamily(familyOf(destination));
  const destinationPrefix = familyOf(destination) === 4 ? 32 : 128;
  const payload = encodeRoute({ family, destinationPrefix }, { destination });
  try {
    const [reply] = await transport.request(
      { type: RTM.RTM_GETROUTE, flags: 0, payload },
      `route to ${destination}`,
    );
    return reply && decodeRoute(reply.payload).fields;
  } catch (error) {
    if (error instanceof KernelError && NO_ROUTE.includes(error.errno)) return undefined;
    throw error;
  }
}
