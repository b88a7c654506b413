import type { KernelObject } from '../../core/kernel-objects.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import { optional } from '../options/index.ts';
import {
  type GatewayMode,
  gatewayAddresses,
  planBridgeAddresses,
  planBridgeLink,
  planOpened,
  planPolicies,
  planPublished,
  planRelayed,
  planVeth,
  type SegmentBridge,
} from '../segment/index.ts';
import type { BridgeOptions } from './options.ts';

/** Objects of the network itself: bridge, its gateway addresses, its elements in the host's tables. */
export function planBridgeNetwork(network: Network<BridgeOptions>): readonly KernelObject[] {
  const { options } = network;
  const bridge = bridgeOf(network);
  return [
    planBridgeLink(network, bridge),
    ...planBridgeAddresses(bridge),
    ...planPolicies(network, options.bridge, options.trusted),
  ];
}

function bridgeOf({ options, request }: Network<BridgeOptions>): SegmentBridge {
  const ipv4 = options.inhibitIpv4 || options.modeIpv4 === 'isolated' ? [] : gatewayAddresses(request.ipv4);
  const ipv6 = options.modeIpv6 === 'isolated' ? [] : gatewayAddresses(request.ipv6);
  return {
    name: options.bridge,
    ...(options.adopted ? {} : { mac: derivedMac(request.id) }),
    ...optional('mtu', options.mtu),
    gateways: [...ipv4, ...ipv6],
  };
}

/** Objects of one endpoint: the veth pair while it is in a sandbox, its ports while they are programmed. */
export function planBridgeEndpoint(
  network: Network<BridgeOptions>,
  endpoint: Endpoint,
): readonly KernelObject[] {
  if (endpoint.attachment === undefined) return [];
  const { options } = network;
  return [
    planVeth(network, endpoint, {
      bridge: options.bridge,
      ...optional('mtu', options.mtu),
      isolated: !options.icc,
    }),
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
