import type { Logger } from 'pino';
import type { EventLog, Metrics } from '../control/index.ts';
import type { AddressConflictFound } from './lan-probe.ts';

/** Tells that somebody else has an address: in the log, to `weft events`, and in the metrics. */
export function tellConflict(
  { network, dev, ip, holder, kind }: AddressConflictFound,
  { log, events, metrics }: { readonly log: Logger; readonly events: EventLog; readonly metrics: Metrics },
): void {
  const { id } = network.request;
  const own = holder.dev === undefined ? {} : { holderDev: holder.dev };
  const fields = { ip, mac: holder.mac, dev, ...own, kind };
  log.warn({ networkId: id, ...fields }, 'address is in use by somebody else on the LAN; it is not given');
  events.publish({
    kind: 'address.conflict',
    network: id,
    text: `address ${ip} is in use on the LAN of ${dev} by ${holder.mac}`,
    fields,
  });
  metrics.countAddressConflict(kind);
}
