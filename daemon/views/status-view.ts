import type { DriftReport, Status } from '../../core/control.ts';
import type { NamingView } from '../../core/naming.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { Config } from '../config.ts';
import type { Engine } from '../docker/index.ts';
import type { DriftLog, ReconcileLoop } from '../reconcile/index.ts';
import type { Repository } from '../state/index.ts';
import { type ClusterSources, ownCluster, storeView } from './cluster-views.ts';
import type { NamesSources } from './names-ports.ts';
import { resolverView } from './resolver-view.ts';

/** Where the status is read from. */
export interface StatusParts extends ClusterSources {
  readonly repository: Pick<Repository, 'networks' | 'endpoints'>;
  readonly ipam: Pick<IpamService, 'list'>;
  readonly drift: DriftLog;
  readonly engine: Pick<Engine, 'version'> | undefined;
  readonly config: Pick<Config, 'node' | 'store'>;
  readonly version: string;
  readonly loop: Pick<ReconcileLoop, 'lastWholePass'>;
  readonly ready: () => boolean;
  readonly discovery?: Pick<NamesSources, 'naming' | 'resolver'>;
}

/** What weftd is and holds, as of now. */
export async function status(parts: StatusParts, startedAt: number): Promise<Status> {
  const { ready, engine, repository, ipam, drift, loop, config, version } = parts;
  const engineVersion = await engine?.version();
  const last = loop.lastWholePass;
  return {
    version,
    node: config.node,
    startedAt: new Date(startedAt).toISOString(),
    uptimeSeconds: (Date.now() - startedAt) / 1000,
    ready: ready(),
    engine: {
      configured: engine !== undefined,
      reachable: engineVersion !== undefined,
      ...(engineVersion === undefined ? {} : { version: engineVersion }),
    },
    store: storeView(parts),
    cluster: ownCluster(parts),
    resolver: resolverView(parts.discovery?.resolver),
    counts: {
      networks: [...repository.networks()].length,
      endpoints: [...repository.endpoints()].length,
      ports: [...repository.endpoints()].reduce((sum, each) => sum + each.published.length, 0),
      pools: ipam.list().length,
      services: serviceCount(parts.discovery?.naming.view),
    },
    ...(last === undefined
      ? {}
      : {
          lastReconcile: {
            at: new Date(last.at).toISOString(),
            durationMs: last.durationMs,
            repairs: last.repairs,
          },
        }),
    drift: driftReport(drift).totals,
  };
}

/** What reconciliation repaired. */
export function driftReport(drift: DriftLog): DriftReport {
  return {
    // What the first pass makes on a new or rebooted host is no drift.
    totals: drift
      .totals()
      .filter(({ cause }) => cause !== 'start')
      .map(({ kind, cause, count }) => ({ object: kind, cause, count })),
    repairs: drift
      .repairs()
      .toReversed()
      .map(({ at, kind, key, cause, action }) => ({
        time: new Date(at).toISOString(),
        object: kind,
        key,
        cause,
        action,
      })),
  };
}

function serviceCount(naming: NamingView | undefined): number {
  let count = 0;
  for (const network of naming?.networks() ?? []) for (const _ of naming?.services(network) ?? []) count++;
  return count;
}
