import type { NameRecord, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';
import type { NetworkIndex } from './network-index.ts';

/** The weight of a backend that neither says one nor was given one. */
const USUAL_WEIGHT = 1;

/** The endpoints behind a service: those that declare it, and those that it selects by name; by endpoint id. */
export function backendsOf(index: NetworkIndex, service: ServiceRecord): readonly Backend[] {
  const ids = new Set(index.declaring(service.name));
  if (service.select !== undefined) for (const id of index.named(service.select)) ids.add(id);
  return [...ids].sort().flatMap((id) => {
    const record = index.names.get(id);
    return record === undefined ? [] : [backend(service, record)];
  });
}

function backend(service: ServiceRecord, record: NameRecord): Backend {
  const { endpoint, node, ipv4, ipv6, state } = record;
  const weight = weightOf(service, record);
  return {
    endpoint,
    node,
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
    weight,
    state: weight === 0 && state === 'ready' ? 'draining' : state,
  };
}

/** What was set by hand goes before what the endpoint declares. */
function weightOf({ name, weights }: ServiceRecord, { endpoint, names, service }: NameRecord): number {
  const [container = ''] = names;
  const own = service?.service === name ? service.weight : USUAL_WEIGHT;
  return weights?.[endpoint] ?? weights?.[container] ?? own;
}
