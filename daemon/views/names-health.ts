import { takesConnections } from '../../balancer/index.ts';
import type { NamesHealth } from '../doctor/index.ts';
import type { NamesSources } from './names-ports.ts';
import { keyedNetworks, type NetworkSources } from './network-keys.ts';
import { resolverView } from './resolver-view.ts';

/** Names and services for the checks of the doctor. */
export function namesHealth(
  sources: Pick<NamesSources, 'naming' | 'resolver'>,
  host: Pick<NetworkSources, 'repository' | 'names'>,
): NamesHealth {
  const naming = sources.naming.view;
  return {
    problems: () => sources.naming.problems,
    resolver: () => resolverView(sources.resolver),
    services: () =>
      keyedNetworks({ ...host, naming }).flatMap(({ key, name = key.slice(0, 12) }) =>
        [...naming.services(key)].map((service) => ({
          name: service.name,
          network: name,
          unused: service.unusedSince !== undefined,
          backends: naming.backends(service).map((backend) => ({
            name: naming.name(key, backend.endpoint)?.names[0] ?? backend.endpoint.slice(0, 12),
            state: backend.state,
            takesConnections: takesConnections(backend),
          })),
        })),
      ),
  };
}
