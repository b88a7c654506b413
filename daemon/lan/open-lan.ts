import type { Logger } from 'pino';
import type { Cidr } from '../../core/address.ts';
import type { Kernel } from '../../core/ports.ts';
import { drivers } from '../../drivers/index.ts';
import type { EventLog, Metrics } from '../control/index.ts';
import type { Repository } from '../state/index.ts';
import { type AddressConflictFound, LanProbe } from './lan-probe.ts';
import { tellConflict } from './tell-conflict.ts';

/** The LANs of this host's networks, with what it needs of the rest of the daemon. */
export function openLan(parts: {
  readonly repository: Repository;
  readonly kernel: Kernel;
  readonly gives: (subnet: Cidr) => boolean;
  readonly log: Logger;
  readonly events: EventLog;
  readonly metrics: Metrics;
}): LanProbe {
  const { repository, kernel, gives, log, events, metrics } = parts;
  const found = (conflict: AddressConflictFound) => tellConflict(conflict, { log, events, metrics });
  return new LanProbe({ repository, drivers, kernel, gives, found, log });
}
