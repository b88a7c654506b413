/**
 * `weft-overlay`: one network over many hosts, in VXLAN. Options, plan and definition are pure; which hosts and endpoints
 * there are, and when a network is bound to its definition, is the daemon's to know. Layer: drivers.
 */
import type { NetworkDriver, OtherNetworks } from '../../core/driver.ts';
import { Conflict } from '../../core/errors.ts';
import { derivedMac, linkName } from '../../core/names.ts';
import {
  checkSubnets,
  parseSegmentEndpoint,
  segmentJoinInfo,
  segmentPortRequests,
} from '../segment/index.ts';
import { type OverlayOptions, parseOverlayOptions } from './options.ts';
import { planOverlayEndpoint, planOverlayNetwork, planOverlayPeer, planOverlayRemote } from './plan.ts';

export { defineNetwork, type NetworkDefinition } from './definition.ts';
export { differences } from './differences.ts';
export { type DockerNetworkBody, dockerCreateRequest } from './docker-request.ts';
export { overlayMtu, VXLAN_OVERHEAD } from './mtu.ts';
export type { OverlayOptions } from './options.ts';
export { chooseVni } from './vni.ts';

export const overlayDriver: NetworkDriver<OverlayOptions> = {
  name: 'weft-overlay',
  connectivity: 'global',
  skipGateway: () => ({ ipv4: false, ipv6: false }),
  parseNetwork: (request, _host, others) => {
    const options = parseOverlayOptions(request);
    checkIdentity(options, others);
    checkSubnets(request, others);
    return options;
  },
  parseEndpoint: parseSegmentEndpoint,
  planNetwork: planOverlayNetwork,
  planEndpoint: planOverlayEndpoint,
  planRemote: planOverlayRemote,
  planPeer: planOverlayPeer,
  chosenMac: (_network, { id }) => derivedMac(id),
  endpointLinks: ({ request }) => [linkName('wv', request.id)],
  portRequests: (network, endpoint) => segmentPortRequests(network, endpoint, false),
  announcements: ({ options }) => ({ count: options.announcements, intervalMs: options.announceMs }),
  ignoredOptions: ({ options }) => options.ignored,
  joinInfo: segmentJoinInfo,
  bridgeOf: ({ request }) => linkName('wb', request.id),
  reachedByHost: () => true,
};

/** A host has each of the cluster's networks once; two would hold the same gateway addresses and the same VNI. */
function checkIdentity({ network: name, vni }: OverlayOptions, others: OtherNetworks): void {
  for (const { driver, options, request, tunnel } of others) {
    if (driver !== 'weft-overlay') continue;
    const other = options as OverlayOptions;
    const id = request.id.slice(0, 12);
    if (name !== undefined && name === (tunnel?.name ?? other.network)) {
      throw new Conflict(`option weft.network is "${name}": on this host that is network ${id}`, {
        networkId: request.id,
      });
    }
    if (vni !== undefined && vni === (tunnel?.vni ?? other.vni)) {
      throw new Conflict(`option weft.vni is "${vni}": on this host that is the VNI of network ${id}`, {
        networkId: request.id,
      });
    }
  }
}
