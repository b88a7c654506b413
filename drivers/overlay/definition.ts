import type { Cidr } from '../../core/address.ts';
import type { ClusterNetwork, ClusterSubnet } from '../../core/cluster.ts';
import type { NetworkRequest, Subnet } from '../../core/model.ts';
import { optional } from '../options/index.ts';
import { type OverlayOptions, parseOverlayOptions } from './options.ts';

/** What the hosts must agree on about a network: the part of a definition that a create call determines. */
export type NetworkDefinition = Omit<ClusterNetwork, 'id' | 'vni' | 'createdAt' | 'createdBy'>;

/** What one host decides for itself: the name it knows the network by, host addresses, interface names, TTLs. */
type HostOption = 'network' | 'hostBinding' | 'snatIpv4' | 'snatIpv6' | 'ifacePrefix' | 'dnsTtl';
/** Not options of the definition: `internal` has a field of its own, the others mean nothing. */
type OtherOption = 'internal' | 'ignored';
type ClusterOption = Exclude<keyof OverlayOptions, HostOption | OtherOption>;

/** The option keys of a definition. Each field of OverlayOptions is either here or in one of the two types above. */
const CLUSTER_KEYS: Readonly<Record<ClusterOption, string>> = {
  vni: 'weft.vni',
  multicast: 'weft.multicast',
  isolate: 'weft.isolate',
  mtu: 'com.docker.network.driver.mtu',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  modeIpv4: 'com.docker.network.bridge.gateway_mode_ipv4',
  modeIpv6: 'com.docker.network.bridge.gateway_mode_ipv6',
  announcements: 'com.docker.network.advertise_addr_nmsgs',
  announceMs: 'com.docker.network.advertise_addr_ms',
};

/**
 * The cluster-wide part of a create call. Options are in canonical text and without those that have their default
 * value, so that two ways to say one thing make one definition, and a later version may know more options.
 * @param ranges `--ip-range` by subnet, which CreateNetwork does not tell.
 */
export function defineNetwork(
  name: string,
  request: NetworkRequest,
  options: OverlayOptions,
  ranges: ReadonlyMap<Cidr, Cidr> = new Map(),
): NetworkDefinition {
  return {
    name,
    subnets: [...request.ipv4, ...request.ipv6].map((subnet) =>
      defineSubnet(subnet, ranges.get(subnet.pool)),
    ),
    internal: options.internal,
    enableIpv4: request.ipv4.length > 0,
    enableIpv6: request.ipv6.length > 0,
    options: changedOptions(options),
  };
}

function defineSubnet({ pool, gateway, aux }: Subnet, ipRange: Cidr | undefined): ClusterSubnet {
  return { pool, ...optional('gateway', gateway?.ip), ...optional('ipRange', ipRange), aux };
}

/** Cluster-wide options as text, by key. */
function optionTexts(options: OverlayOptions): Readonly<Record<string, string>> {
  const texts = Object.entries(CLUSTER_KEYS).flatMap(([field, key]) => {
    const value = options[field as ClusterOption];
    return value === undefined ? [] : [[key, String(value)] as const];
  });
  return Object.fromEntries(texts);
}

/** Texts of the options that a network has when none is given, as far as they have one. */
export const DEFAULT_TEXTS = optionTexts(parseOverlayOptions({ options: {}, internal: false, ipv6: [] }));

function changedOptions(options: OverlayOptions): Readonly<Record<string, string>> {
  const texts = Object.entries(optionTexts(options));
  return Object.fromEntries(texts.filter(([key, text]) => text !== DEFAULT_TEXTS[key]));
}
