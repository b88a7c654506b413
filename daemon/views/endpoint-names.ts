import type { EndpointView } from '../../core/control.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingView } from '../../core/naming.ts';

/** What an endpoint's view says of its names. */
export type NamesPart = Pick<EndpointView, 'name' | 'names' | 'services' | 'backendState'>;

/**
 * Reads names of many endpoints, and of each network only once which services choose their backends by name.
 * @param naming undefined: nothing is known.
 * @returns for a network's key and an endpoint what to add to its view.
 */
export function endpointNames(
  naming: NamingView | undefined,
): (network: string, endpoint: EndpointId) => NamesPart {
  const selecting = new Map<string, ReadonlyMap<string, readonly string[]>>();
  const selectedBy = (known: NamingView, network: string): ReadonlyMap<string, readonly string[]> => {
    const read = selecting.get(network) ?? servicesBySelect(known, network);
    selecting.set(network, read);
    return read;
  };
  return (network, endpoint) => {
    const record = naming?.name(network, endpoint);
    if (naming === undefined || record === undefined) return {};
    return namesPart(record, selectedBy(naming, network));
  };
}

function servicesBySelect(naming: NamingView, network: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { name, select } of naming.services(network)) {
    if (select !== undefined) found.set(select, [...(found.get(select) ?? []), name]);
  }
  return found;
}

function namesPart(
  { names, service, state }: NameRecord,
  selecting: ReadonlyMap<string, readonly string[]>,
): NamesPart {
  const selected = names.flatMap((name) => selecting.get(name) ?? []);
  const services = [...new Set([...(service === undefined ? [] : [service.service]), ...selected])];
  const [own] = names;
  return {
    ...(own === undefined ? {} : { name: own }),
    names,
    ...(services.length === 0 ? {} : { services, backendState: state }),
  };
}
