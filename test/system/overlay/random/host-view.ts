import { Client } from 'undici';
import type {
  DoctorFinding,
  DriftReport,
  EndpointView,
  IpamPoolView,
  NetworkView,
  Status,
} from '../../../../core/control.ts';
import type { ClusterNode } from '../../../lab/index.ts';
import type { Addresses } from './model.ts';

/** A host as Docker, the kernel and weftd show it. */
export interface HostView {
  readonly name: string;
  /** Underlay address. */
  readonly address: string;
  /** Names of weft-overlay networks in dockerd. */
  readonly networks: readonly string[];
  readonly containers: readonly ContainerView[];
  readonly links: readonly LinkView[];
  readonly fdb: readonly FdbView[];
  readonly neighbours: readonly NeighbourView[];
  readonly weft: {
    readonly status: Status;
    readonly networks: readonly NetworkView[];
    readonly endpoints: readonly EndpointView[];
    readonly pools: readonly IpamPoolView[];
  };
}

export interface ContainerView {
  readonly name: string;
  readonly running: boolean;
  /** By network; of a container that does not run the addresses are empty. */
  readonly networks: Readonly<Record<string, Addresses>>;
}

export interface LinkView {
  readonly ifname: string;
  readonly address?: string;
  readonly master?: string;
}

export interface FdbView {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly master?: string;
}

export interface NeighbourView {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
}

/**
 * What weftd's control API answers.
 * @throws {Error} when it does not answer, or with an error.
 */
export async function readApi<T>({ name, host }: ClusterNode, path: string): Promise<T> {
  const client = new Client('http://weft', { socketPath: host.path('/run/weft/control.sock') });
  try {
    const { statusCode, body } = await client.request({ method: 'GET', path, headersTimeout: 20_000 });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${name}: GET ${path}: ${statusCode}: ${text}`);
    return JSON.parse(text) as T;
  } finally {
    await client.close();
  }
}

/** Looks at a host. */
export async function viewHost(node: ClusterNode): Promise<HostView> {
  const { docker, host } = node;
  const json = async <T>(...argv: string[]) => JSON.parse((await host.exec(argv)) || '[]') as readonly T[];
  const [networks, containers, links, fdb, four, six, status, weftNetworks, endpoints, pools] =
    await Promise.all([
      docker.listNetworks(),
      docker.api.json<readonly DockerContainer[]>({ method: 'GET', path: '/containers/json?all=1' }),
      json<LinkView>('ip', '-j', 'link', 'show'),
      json<FdbView>('bridge', '-j', 'fdb', 'show'),
      json<NeighbourView>('ip', '-j', '-4', 'neigh', 'show', 'nud', 'permanent'),
      json<NeighbourView>('ip', '-j', '-6', 'neigh', 'show', 'nud', 'permanent'),
      readApi<Status>(node, '/v1/status'),
      readApi<readonly NetworkView[]>(node, '/v1/networks'),
      readApi<readonly EndpointView[]>(node, '/v1/endpoints?all=true'),
      readApi<readonly IpamPoolView[]>(node, '/v1/ipam'),
    ]);
  return {
    name: node.name,
    address: node.address,
    networks: networks.filter(({ Driver }) => Driver === 'weft-overlay').map(({ Name }) => Name),
    containers: containers.map(containerView),
    links: links.filter(({ ifname }) => ifname !== undefined),
    fdb,
    neighbours: [...four, ...six],
    weft: { status, networks: weftNetworks, endpoints, pools },
  };
}

/** What needs no look again and again: what `weft doctor` finds and `weft drift` has repaired. */
export async function askDoctor(node: ClusterNode): Promise<readonly DoctorFinding[]> {
  return readApi(node, '/v1/doctor');
}

export async function askDrift(node: ClusterNode): Promise<DriftReport> {
  return readApi(node, '/v1/drift');
}

interface DockerContainer {
  readonly Names: readonly string[];
  readonly State: string;
  readonly NetworkSettings: {
    readonly Networks: Readonly<
      Record<
        string,
        { readonly IPAddress: string; readonly GlobalIPv6Address: string; readonly MacAddress: string }
      >
    >;
  };
}

function containerView({ Names, State, NetworkSettings }: DockerContainer): ContainerView {
  return {
    name: (Names[0] ?? '/').slice(1),
    running: State === 'running',
    networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks).map(([name, { IPAddress, GlobalIPv6Address, MacAddress }]) => [
        name,
        { ip: IPAddress, ip6: GlobalIPv6Address, mac: MacAddress },
      ]),
    ),
  };
}
