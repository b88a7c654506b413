import type { NetworkDriver } from '../../core/driver.ts';
import { OptionReader } from '../options/index.ts';
import type { LanOptions } from './options.ts';
import { containerLinkName } from './plan.ts';

/** What both drivers of a LAN answer alike. */
export const LAN_DRIVER = {
  connectivity: 'local',
  // The gateway is a machine on the LAN: an address that nobody named is nobody's. On layer 3 there is none at all. On a
  // network without a LAN the host takes that address, if it is to be reached.
  skipGateway: ({ options }) => {
    const reader = new OptionReader(options, 'a LAN');
    const host = reader.text('parent') === undefined && reader.boolean('weft.host_access', false);
    return { ipv4: !host, ipv6: true };
  },
  endpointLinks: ({ request }) => [containerLinkName(request)],
  portRequests: () => [],
  bridgeOf: () => undefined,
  reachedByHost: ({ options }) => options.hostAccess,
} satisfies Partial<NetworkDriver<LanOptions>>;
