import type { IpamService } from '../../ipam/index.ts';
import type { MetricsSample } from '../control/index.ts';
import type { Repository } from '../state/index.ts';

/** How much there is, for one scrape. */
export function metricsSample({
  repository,
  ipam,
}: {
  readonly repository: Repository;
  readonly ipam: IpamService;
}): MetricsSample {
  const endpoints = [...repository.endpoints()];
  return {
    networks: [...repository.networks()].length,
    endpoints: endpoints.length,
    publishedPorts: endpoints.reduce((sum, { published }) => sum + published.length, 0),
    pools: ipam
      .list()
      .map(({ poolId, used, resting, size }) => ({ id: poolId, used, resting, usable: size })),
  };
}
