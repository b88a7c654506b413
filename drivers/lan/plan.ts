import { BITS, type Cidr, familyOf, type IfAddress } from '../../core/address.ts';
import type { IfName, SandboxKey } from '../../core/ids.ts';
import type { KernelObject, LanLink, RouteObject } from '../../core/kernel-objects.ts';
import type { Endpoint, EndpointRequest, Network } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { optional } from '../options/index.ts';
import { hostAddresses } from './host-access.ts';
import type { LanOptions } from './options.ts';

/** Several networks may have one VLAN; it belongs to none of them alone. */
const VLAN_ALIAS = 'weft:vlan';

/** The name of a container's link until Docker moves it. */
export function containerLinkName({ id }: Pick<EndpointRequest, 'id'>): IfName {
  return linkName('wl', id);
}

function aliasOf({ driver, request }: Network): string {
  return `weft:${driver}:${request.id}`;
}

/**
 * What links of both kinds have: the host's own, or that of a container which has joined.
 * @param endpoint absent: the host's.
 */
export function lanLinkParts(
  network: Network<LanOptions>,
  name: IfName,
  endpoint?: { readonly id: string; readonly sandbox: SandboxKey },
): Pick<LanLink, 'kind' | 'name' | 'parent' | 'mtu' | 'alias' | 'sandbox'> {
  const { parent, mtu } = network.options;
  const alias = aliasOf(network);
  return {
    kind: 'link',
    name,
    parent,
    ...optional('mtu', mtu),
    ...(endpoint === undefined ? { alias } : { alias: `${alias}:${endpoint.id}`, sandbox: endpoint.sandbox }),
  };
}

/** What of the parent is weft's to make: a VLAN sub-interface, or a device that leads nowhere. */
export function planParent(network: Network<LanOptions>): readonly KernelObject[] {
  const { parent, ownParent, vlan, mtu } = network.options;
  if (vlan !== undefined) {
    const { device, id } = vlan;
    return [{ kind: 'link', type: 'vlan', name: parent, parent: device, vlan: id, alias: VLAN_ALIAS }];
  }
  if (!ownParent) return [];
  return [{ kind: 'link', type: 'dummy', name: parent, alias: aliasOf(network), ...optional('mtu', mtu) }];
}

/** The host's own link beside the containers' ones, with its addresses; nothing where the host keeps out. */
export function planHostAccess(
  network: Network<LanOptions>,
  link: (name: IfName) => LanLink,
): readonly KernelObject[] {
  if (!network.options.hostAccess) return [];
  const dev = hostLinkName(network);
  return [
    link(dev),
    ...addressesOfHost(network).map((address): KernelObject => ({ kind: 'address', dev, address })),
  ];
}

/** The host's routes to one container. */
export function planHostRoutes(network: Network<LanOptions>, { request }: Endpoint): readonly RouteObject[] {
  if (!network.options.hostAccess) return [];
  return [request.ipv4, request.ipv6].flatMap((address) =>
    address === undefined ? [] : [routeTo(network, address)],
  );
}

/**
 * Where the host's own link has no address of the family, the host speaks with one of the parent: of a host on several
 * networks the kernel would take any.
 */
function routeTo(network: Network<LanOptions>, { ip }: IfAddress): RouteObject {
  const family = familyOf(ip);
  const route = {
    kind: 'route',
    destination: `${ip}/${BITS[family]}` as Cidr,
    dev: hostLinkName(network),
  } as const;
  const hasOwn = addressesOfHost(network).some((own) => familyOf(own.ip) === family);
  return hasOwn ? route : { ...route, sourceOf: network.options.parent };
}

function addressesOfHost({ request, options }: Network<LanOptions>): readonly IfAddress[] {
  return hostAddresses({ request, ownParent: options.ownParent });
}

function hostLinkName({ request }: Network): IfName {
  return linkName('wh', request.id);
}
