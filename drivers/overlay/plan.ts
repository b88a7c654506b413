import type { Family, Ip } from '../../core/address.ts';
import type { RemoteEndpoint } from '../../core/cluster.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type {
  ElementObject,
  FdbObject,
  KernelObject,
  NeighbourObject,
  ShortcutObject,
  VxlanLink,
} from '../../core/kernel-objects.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { derivedMac, linkName } from '../../core/names.ts';
import {
  gatewayAddresses,
  planBridgeAddresses,
  planBridgeLink,
  planClamped,
  planPolicies,
  planPublished,
  planSwitched,
  planVeth,
  type SegmentBridge,
  TABLE,
  WAYS,
} from '../segment/index.ts';
import { overlayMtu } from './mtu.ts';
import type { OverlayOptions } from './options.ts';

type Overlay = Network<OverlayOptions>;

/** Frames to everybody, in the forwarding table of a VXLAN device. */
const EVERYBODY = '00:00:00:00:00:00' as Mac;

/**
 * Objects of the network itself on this host: the bridge with the gateway addresses, its elements in the host's tables
 * and, once the network is one of the cluster's, the VXLAN device.
 */
export function planOverlayNetwork(network: Overlay): readonly KernelObject[] {
  const bridge = bridgeOf(network);
  return [
    planBridgeLink(network, bridge),
    ...planTunnel(network),
    ...planShortcut(network, linkName('wx', network.request.id)),
    ...planBridgeAddresses(bridge),
    ...planPolicies(network, bridge.name, []),
    ...families(network).flatMap((family) => [
      planClamped(family, bridge.name),
      ...planSwitched(family, bridge.name, bridge.mac),
    ]),
  ];
}

function families({ request: { ipv4, ipv6 } }: Overlay): readonly Family[] {
  return [...(ipv4.length > 0 ? [4 as const] : []), ...(ipv6.length > 0 ? [6 as const] : [])];
}

/**
 * One gateway for all hosts: same addresses, same MAC, so that a container's neighbour entry for it is right wherever
 * the answer came from. Before the cluster's id of the network is known the MAC is this host's own.
 */
function bridgeOf(network: Overlay): SegmentBridge & { readonly mac: Mac } {
  const { request, tunnel } = network;
  return {
    name: linkName('wb', request.id),
    mac: derivedMac(tunnel === undefined ? request.id : `gateway ${tunnel.id}`),
    mtu: overlayMtu(network),
    gateways: [...gatewayAddresses(request.ipv4), ...gatewayAddresses(request.ipv6)],
  };
}

function planTunnel(network: Overlay): readonly VxlanLink[] {
  const { driver, options, request, tunnel } = network;
  if (tunnel === undefined) return [];
  return [
    {
      kind: 'link',
      type: 'vxlan',
      name: linkName('wx', request.id),
      vni: tunnel.vni,
      local: tunnel.local,
      port: tunnel.port,
      mtu: overlayMtu(network),
      alias: `weft:${driver}:${request.id}`,
      master: linkName('wb', request.id),
      group: tunnel.vni,
      flood: options.multicast,
    },
  ];
}

/** Objects of an endpoint of this host: the veth pair while it is in a sandbox, its ports while they are programmed. */
export function planOverlayEndpoint(network: Overlay, endpoint: Endpoint): readonly KernelObject[] {
  if (endpoint.attachment === undefined) return [];
  const { request, tunnel } = network;
  const bridge = linkName('wb', request.id);
  const veth = planVeth(network, endpoint, { bridge, mtu: overlayMtu(network), isolated: false });
  return [
    tunnel === undefined ? veth : { ...veth, group: tunnel.vni },
    ...planShortcut(network, veth.name),
    ...planWay(network, endpoint.mac, veth.name),
    ...endpoint.published.flatMap(planPublished),
  ];
}

/** Frames that come in by a port of the network's bridge need not pass the bridge, nor the hooks of br_netfilter. */
function planShortcut({ tunnel }: Overlay, dev: IfName): readonly ShortcutObject[] {
  return tunnel === undefined ? [] : [{ kind: 'shortcut', dev, table: TABLE, set: WAYS }];
}

/** By which link frames for a MAC leave; those for the gateway, and for everybody, are the bridge's. */
function planWay({ tunnel }: Overlay, mac: Mac, dev: IfName): readonly ElementObject[] {
  if (tunnel === undefined) return [];
  return [
    {
      kind: 'element',
      family: 'netdev',
      table: TABLE,
      set: WAYS,
      key: [String(tunnel.vni), mac],
      data: [dev],
    },
  ];
}

/**
 * How frames find an endpoint of another host: the bridge sends its MAC to the VXLAN device, that one to the host, and
 * the bridge's neighbour entries answer ARP and ND in its place.
 */
export function planOverlayRemote(
  network: Overlay,
  { mac, ipv4, ipv6 }: RemoteEndpoint,
  vtep: Ip,
): readonly KernelObject[] {
  const { request, tunnel } = network;
  if (tunnel === undefined) return [];
  const device = linkName('wx', request.id);
  const bridge = linkName('wb', request.id);
  const neighbour = (ip: Ip | undefined): readonly NeighbourObject[] =>
    ip === undefined ? [] : [{ kind: 'neighbour', dev: bridge, ip, mac }];
  return [
    { kind: 'fdb', dev: device, mac, destination: vtep },
    { kind: 'fdb', dev: device, mac },
    ...planWay(network, mac, device),
    ...neighbour(ipv4),
    ...neighbour(ipv6),
  ];
}

/** With `weft.multicast` frames to everybody go to each host that has joined the network; without, nothing is needed. */
export function planOverlayPeer({ options, request, tunnel }: Overlay, vtep: Ip): readonly FdbObject[] {
  if (tunnel === undefined || !options.multicast) return [];
  return [{ kind: 'fdb', dev: linkName('wx', request.id), mac: EVERYBODY, destination: vtep }];
}
