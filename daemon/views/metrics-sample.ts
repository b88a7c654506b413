import type { BackendState } from '../../core/service.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { MetricsSample, NamesSample } from '../control/index.ts';
import type { Repository } from '../state/index.ts';
import type { NamesSources } from './names-ports.ts';
import { resolverView } from './resolver-view.ts';

type Discovery = Pick<NamesSources, 'naming' | 'resolver'>;

/** How much there is, for one scrape. */
export function metricsSample({
  repository,
  ipam,
  discovery,
}: {
  readonly repository: Pick<Repository, 'networks' | 'endpoints'>;
  readonly ipam: Pick<IpamService, 'list'>;
  readonly discovery?: Discovery | undefined;
}): MetricsSample {
  const endpoints = [...repository.endpoints()];
  return {
    networks: [...repository.networks()].length,
    endpoints: endpoints.length,
    publishedPorts: endpoints.reduce((sum, { published }) => sum + published.length, 0),
    pools: ipam.list().map(({ poolId, used, resting, conflicts, size }) => ({
      id: poolId,
      used,
      resting,
      conflicts: conflicts.length,
      usable: size,
    })),
    ...(discovery && { names: namesSample(discovery) }),
  };
}

function namesSample({ naming: { view }, resolver }: Discovery): NamesSample {
  const backends: Record<BackendState, number> = { starting: 0, ready: 0, draining: 0, failing: 0 };
  let services = 0;
  for (const network of view.networks()) {
    for (const service of view.services(network)) {
      services++;
      for (const { state } of view.backends(service)) backends[state]++;
    }
  }
  if (resolver === undefined) return { services, backends };
  const { state, sandboxes, restarts } = resolverView(resolver);
  const queries = { ...resolver.status.queries };
  return { services, backends, resolver: { isRunning: state === 'on', sandboxes, restarts, queries } };
}
