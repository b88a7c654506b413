import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS, type RemoteEndpoint } from '../../core/cluster.ts';
import type {
  ClusterNetworkView,
  EndpointView,
  NetworkMemberView,
  NodeList,
  NodeView,
  Status,
  StoreView,
} from '../../core/control.ts';
import type { Network } from '../../core/model.ts';
import type { Entry, SharedView } from '../../core/ports.ts';
import {
  answers,
  type Cluster,
  clusterKeys,
  members,
  readClusterRecord,
  type SharedBase,
} from '../cluster/index.ts';
import type { Config } from '../config.ts';
import type { ClusterHosts } from '../doctor/index.ts';
import type { Repository } from '../state/index.ts';

/** Where views of the cluster are read from. */
export interface ClusterSources {
  readonly config: Pick<Config, 'store'>;
  readonly shared: Pick<SharedBase, 'shared' | 'node'> & {
    readonly membership: Pick<SharedBase['membership'], 'fence' | 'registered'>;
  };
  readonly cluster: {
    readonly binder: Pick<Cluster['binder'], 'refusalOf'>;
    readonly liveness: Pick<NonNullable<Cluster['liveness']>, 'isDead'> | undefined;
  };
}

export function storeView({ config, shared }: ClusterSources): StoreView {
  const { connected, ageMs, revision, lastError } = shared.shared.status;
  return {
    kind: config.store,
    connected,
    ageMs,
    revision: Number(revision),
    ...(lastError === undefined ? {} : { lastError }),
  };
}

/** This host in its cluster, for the status. */
export function ownCluster(sources: ClusterSources): Status['cluster'] {
  const { membership, node, shared } = sources.shared;
  const { fence, registered } = membership;
  return {
    state: fence !== undefined ? 'fenced' : registered ? 'ready' : 'no-lease',
    ...(fence === undefined ? {} : { reason: fence.reason }),
    address: node.address,
    nodes: new Set([...members(shared).map(({ name }) => name), node.name]).size,
  };
}

/** The hosts of the cluster; this one also when the cluster does not know it. */
export function nodeList(sources: ClusterSources): NodeList {
  const { shared, node } = sources.shared;
  const known = members(shared);
  const records = known.some(({ name }) => name === node.name) ? known : [...known, node];
  const joined = joinedByNode(shared);
  const endpoints = countByNode(shared, CLUSTER_KEYS.endpoint);
  const nodes = records.map(({ name, id, address, vxlanPort, ...more }): NodeView => {
    const alive = readClusterRecord('alive', shared.get(clusterKeys.alive(name)));
    const ofNode = joined.get(name) ?? [];
    return {
      name,
      id,
      self: name === node.name,
      address,
      vxlanPort,
      ...stateOf(sources, name, alive !== undefined),
      ...(alive === undefined ? {} : { version: alive.version, since: timeOf(alive.since) }),
      ...('joinedAt' in more ? { joinedAt: timeOf(more.joinedAt) } : {}),
      networks: ofNode.filter((refused) => !refused).length,
      refused: ofNode.filter((refused) => refused).length,
      endpoints: endpoints.get(name) ?? 0,
    };
  });
  return {
    nodes: nodes.sort((a, b) => a.name.localeCompare(b.name)),
    store: storeView(sources),
  };
}

function stateOf(
  { shared: { node, membership }, cluster }: ClusterSources,
  name: string,
  alive: boolean,
): Pick<NodeView, 'state' | 'reason'> {
  if (name === node.name && membership.fence !== undefined)
    return { state: 'fenced', reason: membership.fence.reason };
  if (alive) return { state: 'ready' };
  return { state: cluster.liveness?.isDead(name) === true ? 'dead' : 'no-lease' };
}

/** For each node whether each of its networks was refused. */
function joinedByNode(shared: SharedView): ReadonlyMap<string, readonly boolean[]> {
  const found = new Map<string, boolean[]>();
  for (const entry of shared.entries(CLUSTER_KEYS.joined)) {
    const record = readClusterRecord('joined', entry);
    const node = nodeOf(entry);
    if (record !== undefined) found.set(node, [...(found.get(node) ?? []), record.refused !== undefined]);
  }
  return found;
}

function countByNode(shared: SharedView, prefix: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const entry of shared.entries(prefix)) counts.set(nodeOf(entry), (counts.get(nodeOf(entry)) ?? 0) + 1);
  return counts;
}

/** `PREFIX/NETWORK/NODE…` → NODE */
function nodeOf({ key }: Pick<Entry, 'key'>): string {
  return key.split('/')[2] ?? '';
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** What the cluster says of an overlay network of this host; undefined for other drivers. */
export function networkCluster(sources: ClusterSources, network: Network): ClusterNetworkView | undefined {
  const { driver, request, tunnel } = network;
  if (driver !== 'weft-overlay') return undefined;
  const refusal = sources.cluster.binder.refusalOf(request.id);
  if (tunnel === undefined) {
    return {
      state: refusal === undefined ? 'waiting' : 'refused',
      ...(refusal === undefined ? {} : { reason: refusal }),
      members: [],
    };
  }
  return {
    state: 'bound',
    name: tunnel.name,
    vni: tunnel.vni,
    members: networkMembers(sources, tunnel.name),
  };
}

function networkMembers(
  { shared: { shared, node } }: ClusterSources,
  name: string,
): readonly NetworkMemberView[] {
  const endpoints = countByNode(shared, `${CLUSTER_KEYS.endpoint}${name}/`);
  const found = new Map<string, Pick<NetworkMemberView, 'state' | 'reason'>>();
  for (const entry of shared.entries(`${CLUSTER_KEYS.left}${name}/`))
    found.set(nodeOf(entry), { state: 'left' });
  for (const entry of shared.entries(`${CLUSTER_KEYS.joined}${name}/`)) {
    const refused = readClusterRecord('joined', entry)?.refused;
    found.set(
      nodeOf(entry),
      refused === undefined ? { state: 'joined' } : { state: 'refused', reason: refused },
    );
  }
  return [...found]
    .map(([each, state]) => ({
      node: each,
      self: each === node.name,
      ...state,
      endpoints: endpoints.get(each) ?? 0,
    }))
    .sort((a, b) => a.node.localeCompare(b.node));
}

/** The endpoints of other hosts, by network, node and id. */
export function remoteEndpoints({ shared: { shared, node } }: ClusterSources): readonly RemoteEndpoint[] {
  return [...shared.entries(CLUSTER_KEYS.endpoint)].flatMap((entry) => {
    const remote = readClusterRecord('endpoint', entry);
    return remote === undefined || remote.node === node.name ? [] : [remote];
  });
}

/** An endpoint of another host as a list shows it. */
export function remoteEndpointView(
  {
    repository,
    names,
  }: { readonly repository: Repository; readonly names: { network(id: string): string | undefined } },
  { id, network, node, mac, ipv4, ipv6 }: RemoteEndpoint,
): EndpointView {
  const here = [...repository.networks()].find(({ tunnel }) => tunnel?.name === network);
  const prefixOf = (ip: string | undefined, family: 'ipv4' | 'ipv6'): string | undefined => {
    const prefix = here?.request[family][0]?.pool.split('/')[1];
    return ip === undefined || prefix === undefined ? ip : `${ip}/${prefix}`;
  };
  const shown = { ipv4: prefixOf(ipv4, 'ipv4'), ipv6: prefixOf(ipv6, 'ipv6') };
  return {
    id,
    node,
    network: here?.request.id ?? network,
    networkName: (here && names.network(here.request.id)) ?? network,
    ...(shown.ipv4 === undefined ? {} : { ipv4: shown.ipv4 }),
    ...(shown.ipv6 === undefined ? {} : { ipv6: shown.ipv6 }),
    mac,
    ports: [],
    state: 'remote',
  };
}

/** The cluster for the checks of the doctor. */
export function clusterHosts(sources: ClusterSources & { readonly repository: Repository }): ClusterHosts {
  const { shared, node } = sources.shared;
  return {
    status: () => shared.status,
    nodes: () => nodeList(sources).nodes,
    answers: ({ address, vxlanPort }) => answers(address as Ip, vxlanPort),
    networks: () =>
      [...sources.repository.networks()].flatMap((network) => {
        const view = networkCluster(sources, network);
        return view === undefined ? [] : [{ id: network.request.id, ...view }];
      }),
    refused: () =>
      [...shared.entries(CLUSTER_KEYS.joined)].flatMap((entry) => {
        const refused = readClusterRecord('joined', entry)?.refused;
        if (nodeOf(entry) !== node.name || refused === undefined) return [];
        return [{ name: entry.key.split('/')[1] ?? '', reason: refused }];
      }),
  };
}
