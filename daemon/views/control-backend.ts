import type { Logger } from 'pino';
import type { DoctorFinding, EndpointView, NodeRemoval } from '../../core/control.ts';
import { NotFound } from '../../core/errors.ts';
import type { Endpoint } from '../../core/model.ts';
import type { Kernel } from '../../core/ports.ts';
import type { IpamService } from '../../ipam/index.ts';
import { answers, removeNode, type SharedBase } from '../cluster/index.ts';
import type { Config } from '../config.ts';
import { type ControlBackend, type EventLog, matchRef } from '../control/index.ts';
import type { Engine } from '../docker/index.ts';
import { explain } from '../explain/index.ts';
import type { DriftLog, ReconcileLoop } from '../reconcile/index.ts';
import { type ClusterSources, nodeList, remoteEndpoints, remoteEndpointView } from './cluster-views.ts';
import { endpointView, networkView, portViews, type ViewSources } from './control-views.ts';
import { endpointNames } from './endpoint-names.ts';
import { poolDetail, poolView } from './ipam-views.ts';
import { createNamesBackend } from './names-backend.ts';
import type { NamesSources } from './names-ports.ts';
import { driftReport, status } from './status-view.ts';

export interface ControlBackendParts extends ViewSources, ClusterSources {
  readonly shared: ClusterSources['shared'] & Pick<SharedBase, 'addresses'>;
  readonly kernel: Pick<Kernel, 'snapshot' | 'routes' | 'links' | 'pathMtus'>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  readonly ipam: IpamService;
  readonly drift: DriftLog;
  readonly events: EventLog;
  readonly engine: Engine | undefined;
  readonly config: Config;
  readonly version: string;
  readonly loop: ReconcileLoop;
  readonly doctor: () => Promise<readonly DoctorFinding[]>;
  readonly ready: () => boolean;
  /** Names and services. Absent: this weftd has none. */
  readonly discovery?: NamesSources;
}

/** The control API's view of the daemon. Names are refreshed from Docker before lists are shown. */
export function createControlBackend(parts: ControlBackendParts): ControlBackend {
  const startedAt = Date.now();
  const { repository, events } = parts;
  const networks = () => [...repository.networks()].map((each) => networkView(parts, each)).sort(byName);
  const endpoints = (): readonly EndpointView[] => {
    const named = endpointNames(parts.discovery?.naming.view);
    const view = (each: Endpoint): EndpointView => {
      const { id, networkId } = each.request;
      const key = repository.network(networkId)?.tunnel?.name ?? networkId;
      return { ...named(key, id), ...endpointView(parts, each) };
    };
    return [...repository.endpoints()].map(view).sort(byName);
  };
  const others = (): readonly EndpointView[] => {
    const named = endpointNames(parts.discovery?.naming.view);
    return remoteEndpoints(parts).map((each) => ({
      ...named(each.network, each.id),
      ...remoteEndpointView(parts, each),
    }));
  };
  const named = createNamesBackend({ ...parts, sources: parts.discovery });
  const refreshed = async <View>(view: () => View | Promise<View>): Promise<View> => {
    await refreshNames(parts);
    return view();
  };
  return {
    status: () => status(parts, startedAt),
    networks: () => refreshed(networks),
    network: (ref) => refreshed(() => matchRef(networks(), ref, 'network')),
    endpoints: (filter) =>
      refreshed(() => {
        const found = filter?.all === true ? [...endpoints(), ...others()] : endpoints();
        if (filter?.network === undefined) return found;
        const { id } = matchRef(networks(), filter.network, 'network');
        return found.filter((each) => each.network === id);
      }),
    endpoint: (ref) => refreshed(() => matchRef(endpoints(), ref, 'endpoint')),
    pools: async () => parts.ipam.list().map(poolView),
    pool: async (ref) => {
      const pools = parts.ipam.list().map((view) => ({ id: view.poolId, name: view.pool, view }));
      return poolDetail(matchRef(pools, ref, 'pool').view);
    },
    ports: () => refreshed(() => portViews(parts)),
    events: (signal, filter) => events.subscribe(signal, filter),
    drift: async () => driftReport(parts.drift),
    nodes: async () => nodeList(parts),
    removeNode: (name, options) => remove(parts, name, options),
    explain: (from, to) => refreshed(() => explain({ ...parts, probe: answers }, from, to)),
    doctor: () => parts.doctor(),
    services: (filter) => refreshed(() => named.services(filter)),
    service: (...args) => refreshed(() => named.service(...args)),
    createService: (request) => refreshed(() => named.createService(request)),
    updateService: (...args) => refreshed(() => named.updateService(...args)),
    removeService: (...args) => refreshed(() => named.removeService(...args)),
    resolve: (query) => refreshed(() => named.resolve(query)),
  };
}

async function remove(
  { shared: { shared, node, addresses }, events, log }: ControlBackendParts,
  name: string,
  options: { readonly force: boolean },
): Promise<NodeRemoval> {
  const clock = { now: () => Date.now() };
  const removed = await removeNode({ shared, self: node.name, addresses, clock, log }, name, options);
  events.publish({ kind: 'node.remove', text: `node ${name} removed from the cluster` });
  return removed;
}

function byName(a: { readonly id: string; readonly name?: string }, b: typeof a): number {
  return (a.name ?? '~').localeCompare(b.name ?? '~') || a.id.localeCompare(b.id);
}

/** Names are for show: when Docker does not answer, what was last heard stands. */
async function refreshNames({ engine, names, repository }: ControlBackendParts): Promise<void> {
  const unnamed =
    [...repository.networks()].some(({ request }) => names.network(request.id) === undefined) ||
    [...repository.endpoints()].some(({ request }) => names.container(request.id) === undefined);
  if (engine === undefined || !unnamed) return;
  try {
    names.update(await engine.networks());
  } catch (error) {
    if (error instanceof NotFound) throw error;
  }
}
