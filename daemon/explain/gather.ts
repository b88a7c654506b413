import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS, type RemoteEndpoint } from '../../core/cluster.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import type { KernelObject } from '../../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network } from '../../core/model.ts';
import type { NamingView } from '../../core/naming.ts';
import type { Kernel, SharedView } from '../../core/ports.ts';
import { planTunnelSenders } from '../../drivers/index.ts';
import { clusterKeys, readClusterRecord } from '../cluster/index.ts';
import type { DockerNames } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';
import { forwardingOf } from './between-networks.ts';
import type { LocalEnd, NetworkSide, PathEnd, PathFacts, RemoteEnd, RemoteNode } from './facts.ts';
import { type Candidate, resolveEnds } from './resolve.ts';
import { addressOf, type Target } from './target.ts';

/** Where the facts of an explanation are read. */
export interface ExplainParts {
  readonly repository: Repository;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly names: Pick<DockerNames, 'network' | 'container'>;
  readonly kernel: Pick<Kernel, 'snapshot' | 'routes' | 'pathMtus'>;
  readonly shared: {
    readonly shared: Pick<SharedView, 'get' | 'entries' | 'status'>;
    readonly node: { readonly name: string };
    readonly membership: { readonly fence: { readonly reason: string } | undefined };
  };
  readonly cluster: {
    readonly binder: { refusalOf(id: Network['request']['id']): string | undefined };
    readonly liveness: { isDead(node: string): boolean } | undefined;
  };
  /** Names and services; absent: there are none. */
  readonly discovery?: {
    readonly naming: { readonly view: NamingView };
    readonly resolver?: { readonly status: { readonly process?: object } };
  };
  /** Whether anything at an address answers. */
  readonly probe: (address: Ip, port: number) => Promise<boolean>;
}

type LocalCandidate = Candidate & { readonly endpoint: Endpoint };
type RemoteCandidate = Candidate & { readonly remote: RemoteEndpoint; readonly revision: bigint };
type AnyCandidate = LocalCandidate | RemoteCandidate;

/**
 * Reads what an explanation needs: both ends, what they require, and what the kernel has. Changes nothing.
 * @throws {NotFound} {Conflict} as `resolveEnds` does.
 */
export async function gather(parts: ExplainParts, fromRef: string, target: Target): Promise<PathFacts> {
  const ends = resolveEnds(candidates(parts), fromRef, target.ref);
  const from = localEnd(parts, ends.from as LocalCandidate);
  const other = otherEnd(parts, ends.to);
  const wanted = [...from.side.plan, ...from.plan, ...wantedFor(other), ...switches()];
  const [kernel, routes, pathMtu, answers] = await Promise.all([
    parts.kernel.snapshot(wanted),
    parts.kernel.routes(),
    pathMtuTo(parts, other),
    other.kind === 'remote' && isAnswering(parts, other.node),
  ]);
  // After the kernel: that a node is dead is why its entries are gone.
  const to = other.kind === 'remote' ? { ...other, node: nodeOf(parts, other.remote, answers) } : other;
  const { fence } = parts.shared.membership;
  const asked = addressOf(target.ref);
  return {
    from,
    to,
    ...(asked === undefined ? {} : { asked }),
    ...(target.port === undefined ? {} : { port: target.port }),
    host: {
      kernel,
      routes,
      ...(pathMtu === undefined ? {} : { pathMtu }),
      store: parts.shared.shared.status,
      ...(fence === undefined ? {} : { fence: fence.reason }),
    },
  };
}

async function pathMtuTo({ kernel }: ExplainParts, to: PathEnd): Promise<number | undefined> {
  const vtep = to.kind === 'remote' ? to.node.address : undefined;
  return vtep === undefined ? undefined : (await kernel.pathMtus([vtep]))[0];
}

function wantedFor(to: PathEnd): readonly KernelObject[] {
  switch (to.kind) {
    case 'local':
      return [...to.side.plan, ...to.plan];
    case 'remote':
      return [...(to.side?.plan ?? []), ...to.plan, ...to.senders];
    case 'address':
      return [];
  }
}

function switches(): readonly KernelObject[] {
  return ([4, 6] as const).map((family) => ({ kind: 'sysctl', path: forwardingOf(family), value: '1' }));
}

/** Endpoints of this host first; of others that claim one address, the one told last first. */
export function candidates({ repository, names, shared, discovery }: ExplainParts): readonly AnyCandidate[] {
  const local = [...repository.endpoints()].map((endpoint): LocalCandidate => {
    const { id, networkId, ipv4, ipv6 } = endpoint.request;
    const name = names.container(id);
    return {
      id,
      ...(name === undefined || name === '' ? {} : { name }),
      ips: [ipv4, ipv6].flatMap((each) => (each === undefined ? [] : [each.ip])),
      network: networkId,
      endpoint,
    };
  });
  const here = new Map(
    [...repository.networks()].flatMap(({ request, tunnel }) =>
      tunnel === undefined ? [] : [[tunnel.name, request.id] as const],
    ),
  );
  const remote = [...shared.shared.entries(CLUSTER_KEYS.endpoint)].flatMap((entry): RemoteCandidate[] => {
    const record = readClusterRecord('endpoint', entry);
    if (record === undefined || record.node === shared.node.name) return [];
    const { id, network, node, ipv4, ipv6 } = record;
    const name = discovery?.naming.view.name(network, id)?.names[0];
    return [
      {
        id,
        ...(name === undefined ? {} : { name }),
        ips: [ipv4, ipv6].flatMap((each) => (each === undefined ? [] : [each])),
        network: here.get(network) ?? `cluster ${network}`,
        node,
        remote: record,
        revision: entry.revision,
      },
    ];
  });
  return [...local, ...remote.sort((a, b) => (a.revision > b.revision ? -1 : 1))];
}

function otherEnd(parts: ExplainParts, to: AnyCandidate | Ip): PathEnd {
  if (typeof to === 'string') return { kind: 'address', ip: to };
  return 'endpoint' in to ? localEnd(parts, to) : remoteEnd(parts, to);
}

function localEnd(parts: ExplainParts, { endpoint, name, id }: LocalCandidate): LocalEnd {
  const network = parts.repository.network(endpoint.request.networkId) as Network;
  return {
    kind: 'local',
    label: name ?? id.slice(0, 12),
    endpoint,
    side: sideOf(parts, network),
    plan: parts.drivers.get(network.driver)?.planEndpoint(network, endpoint) ?? [],
  };
}

function sideOf({ drivers, names, cluster }: ExplainParts, network: Network): NetworkSide {
  const { id } = network.request;
  const refusal = cluster.binder.refusalOf(id);
  return {
    label: names.network(id) ?? network.tunnel?.name ?? id.slice(0, 12),
    network,
    plan: drivers.get(network.driver)?.planNetwork(network) ?? [],
    ...(refusal === undefined ? {} : { refusal }),
  };
}

function remoteEnd(parts: ExplainParts, { remote, revision, name }: RemoteCandidate): RemoteEnd {
  const { repository, drivers } = parts;
  const network = [...repository.networks()].find(({ tunnel }) => tunnel?.name === remote.network);
  const node = nodeOf(parts, remote, false);
  const { address } = node;
  const tunnel = network?.tunnel;
  const known = network !== undefined && tunnel !== undefined && address !== undefined;
  return {
    kind: 'remote',
    label: name ?? remote.ipv4 ?? remote.ipv6 ?? remote.id.slice(0, 12),
    remote,
    revision,
    ...(network === undefined ? {} : { side: sideOf(parts, network) }),
    node,
    plan: known ? (drivers.get(network.driver)?.planRemote?.(network, remote, address) ?? []) : [],
    senders: known ? planTunnelSenders(tunnel, [address]) : [],
  };
}

function nodeOf({ shared, cluster }: ExplainParts, remote: RemoteEndpoint, answers: boolean): RemoteNode {
  const view = shared.shared;
  const { node, network } = remote;
  const member = readClusterRecord('member', view.get(clusterKeys.member(node)));
  const joined = readClusterRecord('joined', view.get(clusterKeys.joined(network, node)));
  return {
    name: node,
    ...(member === undefined ? {} : { address: member.address, port: member.vxlanPort }),
    hasLease: view.get(clusterKeys.alive(node)) !== undefined,
    isDead: cluster.liveness?.isDead(node) === true,
    answers,
    ...(joined === undefined ? {} : { joined }),
  };
}

async function isAnswering({ probe }: ExplainParts, { address, port }: RemoteNode): Promise<boolean> {
  return address !== undefined && port !== undefined && (await probe(address, port));
}
