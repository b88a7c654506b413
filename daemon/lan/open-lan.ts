import type { Logger } from 'pino';
import { type Cidr, cidrRange, type Ip, ipFromBigint, ipToBigint, usableRange } from '../../core/address.ts';
import type { Clock, Kernel } from '../../core/ports.ts';
import { drivers } from '../../drivers/index.ts';
import type { ServiceAddresses } from '../../ipam/index.ts';
import type { EventLog, Metrics } from '../control/index.ts';
import type { Repository } from '../state/index.ts';
import { type AddressConflictFound, LanProbe } from './lan-probe.ts';
import { tellConflict } from './tell-conflict.ts';

/** Addresses asked about before anybody needs them: as many as a small project starts at once. */
const AHEAD = 4;

/** The LANs of this host's networks, with what it needs of the rest of the daemon. */
export function openLan(parts: {
  readonly repository: Repository;
  readonly kernel: Kernel;
  /** Which addresses weft's IPAM gives. */
  readonly pools: () => Pick<ServiceAddresses, 'gives' | 'upcoming'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventLog;
  readonly metrics: Metrics;
}): LanProbe {
  const { repository, kernel, pools, clock, log, events, metrics } = parts;
  const gives = (subnet: Cidr) => pools().gives(subnet);
  const upcoming = (subnet: Cidr, after: Ip) =>
    gives(subnet) ? pools().upcoming(subnet, AHEAD) : following(subnet, after);
  const found = (conflict: AddressConflictFound) => tellConflict(conflict, { log, events, metrics });
  return new LanProbe({ repository, drivers, kernel, gives, upcoming, clock, found, log });
}

/** Docker's own IPAM gives addresses upwards. */
function following(subnet: Cidr, after: Ip): readonly Ip[] {
  const { family } = cidrRange(subnet);
  const { last } = usableRange(subnet);
  const values = Array.from({ length: AHEAD }, (_, n) => ipToBigint(after) + BigInt(n + 1));
  return values.filter((value) => value <= last).map((value) => ipFromBigint(value, family));
}
