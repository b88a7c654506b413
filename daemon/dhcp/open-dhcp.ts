import type { Logger } from 'pino';
import type { Ip } from '../../core/address.ts';
import { type PoolId, poolIdOf } from '../../core/ids.ts';
import type { Kernel, Store } from '../../core/ports.ts';
import { ADDRESS_SPACES, type ServiceAddresses, systemClock } from '../../ipam/index.ts';
import type { EventLog } from '../control/index.ts';
import { DhcpLeases } from './dhcp-leases.ts';

/** The leases of this host's containers, with what they need of the rest of the daemon. */
export function openDhcp(parts: {
  readonly store: Store;
  readonly kernel: Pick<Kernel, 'probe'>;
  /** Addresses that services of this host have. */
  readonly services: Pick<ServiceAddresses, 'held'>;
  readonly log: Logger;
  readonly events: EventLog;
}): Promise<DhcpLeases> {
  const { store, kernel, services, log, events } = parts;
  return DhcpLeases.load({
    store,
    clock: systemClock,
    log,
    announce: (event) => void events.publish(event),
    // A virtual IP is on no wire, so the server does not know of it.
    probe: async (device, ip, poolId) => virtualIp(services, poolId, ip) ?? kernel.probe(device, ip),
  });
}

function virtualIp(
  services: Pick<ServiceAddresses, 'held'>,
  poolId: PoolId,
  ip: Ip,
): { readonly service: string } | undefined {
  for (const held of services.held()) {
    if (held.ip === ip && poolIdOf(ADDRESS_SPACES.local, held.subnet) === poolId)
      return { service: held.service };
  }
  return undefined;
}
