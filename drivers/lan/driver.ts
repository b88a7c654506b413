import type { NetworkDriver } from '../../core/driver.ts';
import type { LanOptions } from './options.ts';
import { containerLinkName } from './plan.ts';

/** What both drivers of a LAN answer alike. */
export const LAN_DRIVER = {
  connectivity: 'local',
  // The gateway is a machine on the LAN: an address that nobody named is nobody's. On layer 3 there is none at all.
  skipGateway: () => ({ ipv4: true, ipv6: true }),
  endpointLinks: ({ request }) => [containerLinkName(request)],
  portRequests: () => [],
  bridgeOf: () => undefined,
  reachedByHost: ({ options }) => options.hostAccess,
} satisfies Partial<NetworkDriver<LanOptions>>;
