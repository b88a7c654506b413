/** `weft-none`: a sandbox with loopback only. There is nothing to plan and nothing to plumb. */
import type { NetworkDriver } from '../../core/driver.ts';
import { OptionReader } from '../options/index.ts';
import { type NoneOptions, parseNoneOptions } from './options.ts';

export const noneDriver: NetworkDriver<NoneOptions> = {
  name: 'weft-none',
  connectivity: 'local',
  skipGateway: () => ({ ipv4: true, ipv6: true }),
  parseNetwork: (request) => parseNoneOptions(request),
  parseEndpoint: (_network, request) => {
    new OptionReader(request.options, 'a weft-none endpoint').finish();
  },
  planNetwork: () => [],
  planEndpoint: () => [],
  chosenMac: () => undefined,
  endpointLinks: () => [],
  portRequests: () => [],
  announcements: () => ({ count: 0, intervalMs: 0 }),
  ignoredOptions: ({ options }) => options.ignored,
  joinInfo: () => ({ routes: [], disableGatewayService: true }),
  bridgeOf: () => undefined,
  reachedByHost: () => false,
};
