import type { Logger } from 'pino';
import type { Kernel, Store } from '../../core/ports.ts';
import { systemClock } from '../../ipam/index.ts';
import type { EventLog } from '../control/index.ts';
import { DhcpLeases } from './dhcp-leases.ts';

/** The leases of this host's containers, with what they need of the rest of the daemon. */
export function openDhcp(parts: {
  readonly store: Store;
  readonly kernel: Pick<Kernel, 'probe'>;
  readonly log: Logger;
  readonly events: EventLog;
}): Promise<DhcpLeases> {
  const { store, kernel, log, events } = parts;
  return DhcpLeases.load({
    store,
    clock: systemClock,
    log,
    announce: (event) => void events.publish(event),
    probe: (device, ip) => kernel.probe(device, ip),
  });
}
