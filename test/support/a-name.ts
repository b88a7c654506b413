import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord } from '../../core/naming.ts';
import { aNameRecord } from '../fakes/memory-names.ts';

/** A name record of an endpoint that is ready, on `net-id`, unless told otherwise. */
export function aName(id: string, names: readonly string[], more: Partial<NameRecord> = {}): NameRecord {
  return aNameRecord({ endpoint: id as EndpointId, network: 'net-id', networkName: 'net', names, ...more });
}
