import type { Family, IfAddress, Ip } from '../../core/address.ts';
import type { AddressObject, KernelObject } from '../../core/kernel-objects.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { derivedMac, linkName } from '../../core/names.ts';
import {
  gatewayAddresses,
  type IngressPolicy,
  planOpened,
  planPolicy,
  planPublished,
  planRelayed,
  type SegmentPolicy,
} from '../segment/index.ts';
import type { BridgeOptions, GatewayMode } from './options.ts';

/** Objects of the network itself: bridge, its gateway addresses, its elements in the host's tables. */
export function planBridgeNetwork(network: Network<BridgeOptions>): readonly KernelObject[] {
  const { options, request } = network;
  const addresses = bridgeAddresses(network);
  const bridge: KernelObject = {
    kind: 'link',
    type: 'bridge',
    name: options.bridge,
    alias: `weft:${network.driver}:${request.id}`,
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.adopted ? { adopted: true as const } : { mac: derivedMac(request.id) }),
    ...(request.ipv4.length > 0 && !options.internal ? { routeLocalnet: true as const } : {}),
    ...(addresses.some((each) => each.address.ip.includes(':')) ? { ipv6: true as const } : {}),
  };
  return [
    bridge,
    ...addresses,
    ...(request.ipv4.length > 0 ? planPolicy(4, policy(4, network)) : []),
    ...(request.ipv6.length > 0 ? planPolicy(6, policy(6, network)) : []),
  ];
}

function bridgeAddresses({ options, request }: Network<BridgeOptions>): readonly AddressObject[] {
  const ipv4 = options.inhibitIpv4 || options.modeIpv4 === 'isolated' ? [] : gatewayAddresses(request.ipv4);
  const ipv6 = options.modeIpv6 === 'isolated' ? [] : gatewayAddresses(request.ipv6);
  const local = ipv6.length > 0 && !options.adopted ? [LINK_LOCAL] : [];
  return [...ipv4, ...ipv6, ...local].map((address: IfAddress) => ({
    kind: 'address',
    dev: options.bridge,
    address,
  }));
}

/**
 * For a second or two after its first port the kernel's own link-local address of a bridge is tentative, and without
 * another the kernel looks for no neighbour of the packets it forwards (net/ipv6/ndisc.c: ndisc_solicit()). Docker's
 * bridges have this one too.
 */
const LINK_LOCAL: IfAddress = { ip: 'fe80::1' as Ip, prefix: 64 };

function policy(family: Family, { options }: Network<BridgeOptions>): SegmentPolicy {
  const mode = family === 4 ? options.modeIpv4 : options.modeIpv6;
  const snat = family === 4 ? options.snatIpv4 : options.snatIpv6;
  return {
    bridge: options.bridge,
    ingress: options.internal ? 'internal' : ingress(mode, options.isolate),
    masquerade: options.masquerade && mode !== 'routed',
    ...(snat === undefined || mode === 'routed' ? {} : { snat }),
    trusted: options.trusted,
  };
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

/** Objects of one endpoint: the veth pair while it is in a sandbox, its ports while they are programmed. */
export function planBridgeEndpoint(
  network: Network<BridgeOptions>,
  endpoint: Endpoint,
): readonly KernelObject[] {
  if (endpoint.attachment === undefined) return [];
  const { options } = network;
  const { id } = endpoint.request;
  return [
    {
      kind: 'link',
      type: 'veth',
      name: linkName('wv', id),
      peerName: linkName('wc', id),
      peerMac: endpoint.mac,
      ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
      alias: `weft:${network.driver}:${network.request.id}:${id}`,
      master: options.bridge,
      isolated: !options.icc,
      // Only where it is needed, because broadcasts come back, too.
      hairpin: options.icc && !options.internal && endpoint.attachment.mappings.length > 0,
    },
    ...endpoint.published.flatMap(planPublished),
    ...(options.icc ? [] : endpoint.published.flatMap((port) => planRelayed(options.bridge, port))),
    ...planOpenedPorts(network, endpoint),
  ];
}

/** Ports of routed networks, and those that trusted interfaces may reach, are opened on the container's address. */
function planOpenedPorts({ options }: Network<BridgeOptions>, endpoint: Endpoint): readonly KernelObject[] {
  if (!endpoint.external || options.internal) return [];
  const mappings = endpoint.attachment?.mappings ?? [];
  const addresses = [
    ...(opens(options.modeIpv4, options) ? [endpoint.request.ipv4] : []),
    ...(opens(options.modeIpv6, options) ? [endpoint.request.ipv6] : []),
  ];
  const unique = new Map(mappings.map((each) => [`${each.protocol} ${each.containerPort}`, each]));
  return addresses.flatMap((address) =>
    address === undefined
      ? []
      : [...unique.values()].map((each) => planOpened(each.protocol, address.ip, each.containerPort)),
  );
}

function opens(mode: GatewayMode, options: BridgeOptions): boolean {
  return mode === 'routed' || options.trusted.length > 0;
}
