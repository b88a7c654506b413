/** `weft-bridge`: a NAT bridge on one host. Options, plan and join are pure; nothing here causes an effect. */
import type { NetworkDriver } from '../../core/driver.ts';
import { linkName } from '../../core/names.ts';
import { checkSubnets } from '../segment/index.ts';
import { bridgeJoinInfo, parseBridgeEndpoint } from './join.ts';
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
    return parseBridgeOptions(request, host);
  },
  parseEndpoint: (_network, request) => parseBridgeEndpoint(request),
  planNetwork: planBridgeNetwork,
  planEndpoint: planBridgeEndpoint,
  endpointLinks: ({ request }) => [linkName('wv', request.id)],
  portRequests: bridgePortRequests,
  announcements: ({ options }) => ({ count: options.announcements, intervalMs: options.announceMs }),
  ignoredOptions: ({ options }) => options.ignored,
  joinInfo: bridgeJoinInfo,
  bridgeOf: (network) => network.options.bridge,
};
