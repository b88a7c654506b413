/** `weft-bridge`: a NAT bridge on one host. Options, plan and join are pure; nothing here causes an effect. */
import type { NetworkDriver, OtherNetworks } from '../../core/driver.ts';
import { Conflict } from '../../core/errors.ts';
import { derivedMac, linkName } from '../../core/names.ts';
import { checkSubnets, parseSegmentEndpoint, segmentJoinInfo } from '../segment/index.ts';
import { type BridgeOptions, parseBridgeOptions } from './options.ts';
import { planBridgeEndpoint, planBridgeNetwork } from './plan.ts';
import { bridgePortRequests } from './ports.ts';

export type { BridgeOptions } from './options.ts';

export const bridgeDriver: NetworkDriver<BridgeOptions> = {
  name: 'weft-bridge',
  connectivity: 'local',
  skipGateway: ({ options, internal }) => ({
    ipv4: internal && options['com.docker.network.bridge.gateway_mode_ipv4'] === 'isolated',
    ipv6: internal && options['com.docker.network.bridge.gateway_mode_ipv6'] === 'isolated',
  }),
  parseNetwork: (request, host, others) => {
    checkSubnets(request, others);
    const options = parseBridgeOptions(request, host);
    checkBridgeName(options.bridge, others);
    return options;
  },
  parseEndpoint: parseSegmentEndpoint,
  planNetwork: planBridgeNetwork,
  planEndpoint: planBridgeEndpoint,
  chosenMac: (_network, { id }) => derivedMac(id),
  endpointLinks: ({ request }) => [linkName('wv', request.id)],
  portRequests: bridgePortRequests,
  announcements: ({ options }) => ({ count: options.announcements, intervalMs: options.announceMs }),
  ignoredOptions: ({ options }) => options.ignored,
  joinInfo: segmentJoinInfo,
  bridgeOf: (network) => network.options.bridge,
  reachedByHost: () => true,
};

/** Two networks with one bridge would take each other's settings and links. */
function checkBridgeName(bridge: string, others: OtherNetworks): void {
  const other = others.find(({ options }) => (options as { readonly bridge?: unknown }).bridge === bridge);
  if (other === undefined) return;
  throw new Conflict(
    `option com.docker.network.bridge.name is "${bridge}": that is the bridge of network ${other.request.id.slice(0, 12)}`,
    { networkId: other.request.id },
  );
}
