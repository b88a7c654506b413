import type { Family, IfAddress, Ip } from '../../core/address.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { AddressObject, BridgeLink, ElementObject, VethLink } from '../../core/kernel-objects.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { optional } from '../options/index.ts';
import { planPolicy } from './elements.ts';
import type { GatewayMode, SegmentOptions } from './options.ts';
import type { IngressPolicy } from './table.ts';

/** The bridge of a network and what it holds. */
export interface SegmentBridge {
  readonly name: IfName;
  /** Absent: the bridge existed before the network did and keeps its own. */
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly gateways: readonly IfAddress[];
}

/**
 * For a second or two after its first port the kernel's own link-local address of a bridge is tentative, and without
 * another the kernel looks for no neighbour of the packets it forwards (net/ipv6/ndisc.c: ndisc_solicit()). Docker's
 * bridges have this one too.
 */
const LINK_LOCAL: IfAddress = { ip: 'fe80::1' as Ip, prefix: 64 };

export function planBridgeLink(network: Network<SegmentOptions>, bridge: SegmentBridge): BridgeLink {
  const { options, request } = network;
  return {
    kind: 'link',
    type: 'bridge',
    name: bridge.name,
    alias: `weft:${network.driver}:${request.id}`,
    ...optional('mtu', bridge.mtu),
    ...(bridge.mac === undefined ? { adopted: true as const } : { mac: bridge.mac }),
    ...(request.ipv4.length > 0 && !options.internal ? { routeLocalnet: true as const } : {}),
    ...(bridge.gateways.some(isIpv6) ? { ipv6: true as const } : {}),
  };
}

/** Gateways in the order given; with an IPv6 one, and unless the bridge is somebody else's, `fe80::1` after them. */
export function planBridgeAddresses(bridge: SegmentBridge): readonly AddressObject[] {
  const local = bridge.mac !== undefined && bridge.gateways.some(isIpv6) ? [LINK_LOCAL] : [];
  return [...bridge.gateways, ...local].map((address) => ({ kind: 'address', dev: bridge.name, address }));
}

function isIpv6({ ip }: IfAddress): boolean {
  return ip.includes(':');
}

/** Elements of the network in the host's tables, for the families it has. */
export function planPolicies(
  { options, request }: Network<SegmentOptions>,
  bridge: IfName,
  trusted: readonly IfName[],
): readonly ElementObject[] {
  const ofFamily = (family: Family) => {
    const mode = family === 4 ? options.modeIpv4 : options.modeIpv6;
    const snat = family === 4 ? options.snatIpv4 : options.snatIpv6;
    return planPolicy(family, {
      bridge,
      ingress: options.internal ? 'internal' : ingress(mode, options.isolate),
      masquerade: options.masquerade && mode !== 'routed',
      ...(snat === undefined || mode === 'routed' ? {} : { snat }),
      trusted,
    });
  };
  return [...(request.ipv4.length > 0 ? ofFamily(4) : []), ...(request.ipv6.length > 0 ? ofFamily(6) : [])];
}

function ingress(mode: GatewayMode, isolate: boolean): IngressPolicy {
  const reach = isolate ? 'isolated' : 'shared';
  switch (mode) {
    case 'nat':
    case 'isolated':
      return `nat-${reach}`;
    case 'nat-unprotected':
      return `open-${reach}`;
    case 'routed':
      return `routed-${reach}`;
  }
}

/** The veth pair of an endpoint in a sandbox, a port of the network's bridge. */
export function planVeth(
  network: Network<SegmentOptions>,
  endpoint: Endpoint,
  port: { readonly bridge: IfName; readonly mtu?: number; readonly isolated: boolean },
): VethLink {
  const { id } = endpoint.request;
  const mappings = endpoint.attachment?.mappings.length ?? 0;
  return {
    kind: 'link',
    type: 'veth',
    name: linkName('wv', id),
    peerName: linkName('wc', id),
    peerMac: endpoint.mac,
    ...optional('mtu', port.mtu),
    alias: `weft:${network.driver}:${network.request.id}:${id}`,
    master: port.bridge,
    isolated: port.isolated,
    // Only where it is needed, because broadcasts come back, too.
    hairpin: !port.isolated && !network.options.internal && mappings > 0,
  };
}
