import { parseServiceName } from '../../balancer/index.ts';
import type { ServiceDetail, ServiceView } from '../../core/control.ts';
import { errorMessage, NotFound, Unavailable } from '../../core/errors.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { NamesBackend } from '../control/index.ts';
import { askedFor, dnsAnswer } from './dns-view.ts';
import type { BackendTally, NamesSources } from './names-ports.ts';
import { type KeyedNetwork, keyedNetworks, networkNamed } from './network-keys.ts';
import { changeOf, newService } from './service-settings.ts';
import { serviceDetail, serviceView } from './service-views.ts';

/** What names and services are shown and changed with. */
export interface NamesParts {
  /** Undefined: weftd has none. */
  readonly sources: NamesSources | undefined;
  readonly repository: Parameters<typeof keyedNetworks>[0]['repository'];
  readonly names: Parameters<typeof keyedNetworks>[0]['names'];
  readonly log: { warn(facts: object, message: string): void };
}

/** The part of the control API that is about names and services. */
export function createNamesBackend(parts: NamesParts): NamesBackend {
  const networks = (): readonly KeyedNetwork[] =>
    keyedNetworks({ ...parts, naming: sourcesOf(parts).naming.view });
  const find = (ref: string, name: string): ServiceRecord => findService(parts, networks(), ref, name);
  const detail = (service: ServiceRecord) => detailed(parts, networks(), service);
  return {
    services: async (filter) => listServices(parts, filter?.network),
    service: async (ref, name) => detail(find(ref, name)),
    createService: async (request) => {
      const { key } = networkNamed(networks(), request.network);
      return detail(await sourcesOf(parts).naming.createService(newService(key, request)));
    },
    updateService: async (ref, name, change) => {
      const { network, name: found, affinity } = find(ref, name);
      const settings = changeOf(change, affinity);
      return detail(await sourcesOf(parts).naming.updateService(network, found, settings));
    },
    removeService: async (ref, name) => {
      const service = find(ref, name);
      const removed = await detail(service);
      await sourcesOf(parts).naming.removeService(service.network, service.name);
      return removed;
    },
    resolve: async (query) => {
      const asked = askedFor(query);
      const known = networks();
      const on = query.network === undefined ? known : [networkNamed(known, query.network)];
      const { naming, table } = sourcesOf(parts);
      return dnsAnswer({ table: await table(), naming: naming.view }, on, asked);
    },
  };
}

function sourcesOf({ sources }: NamesParts): NamesSources {
  if (sources === undefined) throw new Unavailable('this weftd has no names and services');
  return sources;
}

function listServices(parts: NamesParts, ref: string | undefined): readonly ServiceView[] {
  const naming = sourcesOf(parts).naming.view;
  const known = keyedNetworks({ ...parts, naming });
  const networks = ref === undefined ? known : [networkNamed(known, ref)];
  return networks
    .flatMap(({ key, name }) =>
      [...naming.services(key)].map((service) => serviceView(service, naming.backends(service), name)),
    )
    .sort((a, b) => a.name.localeCompare(b.name) || a.network.localeCompare(b.network));
}

function findService(
  parts: NamesParts,
  networks: readonly KeyedNetwork[],
  ref: string,
  text: string,
): ServiceRecord {
  const network = networkNamed(networks, ref);
  const name = parseServiceName(text, 'name');
  const service = sourcesOf(parts).naming.view.service(network.key, name);
  if (service !== undefined) return service;
  const shown = network.name ?? network.key;
  throw new NotFound(`network ${shown} has no service ${name}`, { network: network.key, service: name });
}

async function detailed(
  parts: NamesParts,
  networks: readonly KeyedNetwork[],
  service: ServiceRecord,
): Promise<ServiceDetail> {
  const naming = sourcesOf(parts).naming.view;
  const networkName = networks.find(({ key }) => key === service.network)?.name;
  return serviceDetail(naming, service, networkName, await talliesOf(parts, service));
}

/** Counters are for show: when the kernel does not tell them, the service is shown without. */
async function talliesOf(
  parts: NamesParts,
  { network, name }: ServiceRecord,
): Promise<readonly BackendTally[]> {
  try {
    return await sourcesOf(parts).balancing.tallies(network, name);
  } catch (error) {
    parts.log.warn({ network, service: name, error: errorMessage(error) }, 'counters of a service not read');
    return [];
  }
}
