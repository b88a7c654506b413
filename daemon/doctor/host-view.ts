import type { Cidr } from '../../core/address.ts';
import type { ClusterNetworkView, NodeView, Status } from '../../core/control.ts';
import type { DriverName } from '../../core/model.ts';
import type { HostLink, HostRoute, Kernel, SharedStatus } from '../../core/ports.ts';
import type { BackendState } from '../../core/service.ts';
import { drivers } from '../../drivers/index.ts';
import type { NetlinkTransport } from '../../kernel/netlink/index.ts';
import type { Config } from '../config.ts';
import type { DhcpRecord } from '../dhcp/index.ts';
import type { Engine, EngineNetwork } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';
import { type ForwardTable, readForwardTables } from './forward-chains/read-tables.ts';

/** What the doctor examines. */
export interface DoctorParts {
  readonly config: Pick<Config, 'pluginDir' | 'docker' | 'gcGraceMs' | 'storeUrl'>;
  readonly kernel: Pick<Kernel, 'links' | 'routes' | 'snapshot' | 'discarded'>;
  readonly repository: Pick<Repository, 'networks' | 'endpoints' | 'endpointsOf' | 'inFlight'>;
  /** Undefined: weftd was told not to speak to Docker. */
  readonly engine: Pick<Engine, 'version' | 'networks' | 'container' | 'labelled'> | undefined;
  /** Names of the bridges of weft's networks. */
  readonly ownBridges: () => ReadonlySet<string>;
  /** Records of the store that could not be read, one sentence each. */
  readonly problems: readonly string[];
  /** Address pools; absent: none are examined. */
  readonly ipam?: readonly PoolUse[];
  /** Leases of DHCP servers; absent: none are examined. */
  readonly dhcp?: readonly DhcpFacts[];
  /** The cluster; absent: it is not examined. */
  readonly hosts?: ClusterHosts;
  /** Names and services; absent: they are not examined. */
  readonly naming?: NamesHealth;
}

/** Names and services as the checks see them. */
export interface NamesHealth {
  /** What is wrong with declarations, names and virtual IPs, one sentence each. */
  problems(): readonly string[];
  services(): readonly ServiceFacts[];
  resolver(): Status['resolver'];
}

/** A service as the checks see it. */
export interface ServiceFacts {
  readonly name: string;
  /** Docker's name of its network if it is known. */
  readonly network: string;
  /** Nobody declares it any more: it is about to go. */
  readonly unused: boolean;
  readonly backends: readonly {
    readonly name: string;
    readonly state: BackendState;
    readonly takesConnections: boolean;
  }[];
}

/** The cluster as the checks see it. */
export interface ClusterHosts {
  status(): SharedStatus;
  nodes(): readonly NodeView[];
  /** Whether anything at the underlay address of a node answers. */
  answers(node: Pick<NodeView, 'address' | 'vxlanPort'>): Promise<boolean>;
  /** Overlay networks of this host. */
  networks(): readonly (ClusterNetworkView & { readonly id: string })[];
  /** Networks of the cluster that this host could not make. */
  refused(): readonly { readonly name: string; readonly reason: string }[];
}

/** How full an address pool is, in addresses. */
export interface PoolUse {
  readonly id: string;
  readonly used: number;
  readonly resting: number;
  /** Others on the LAN have them. */
  readonly conflicts: number;
  readonly usable: number;
}

/** An address that a DHCP server has given, as the checks see it. */
export type DhcpFacts = Pick<DhcpRecord, 'device' | 'mac' | 'lost'> & {
  readonly lease: Pick<DhcpRecord['lease'], 'ip' | 'server' | 'rebindAt' | 'expiresAt'>;
};

/** A weft network as the checks see it. */
export interface NetworkFacts {
  readonly id: string;
  /** Docker's name if it is known, else the beginning of the id. */
  readonly label: string;
  readonly driver: DriverName;
  readonly bridge?: string;
  readonly internal: boolean;
  /** Bytes, as asked for at creation. */
  readonly mtu?: number;
  readonly parent?: string;
  readonly subnets: readonly Cidr[];
  readonly ipv6: boolean;
  /** Endpoints in a sandbox. */
  readonly attached: number;
}

/** Facts that several checks need, each read once and only when asked for. */
export interface HostView {
  readonly parts: DoctorParts;
  /** NETLINK_NETFILTER in the process' own namespace. */
  readonly netfilter: NetlinkTransport;
  networks(): Promise<readonly NetworkFacts[]>;
  links(): Promise<readonly HostLink[]>;
  routes(): Promise<readonly HostRoute[]>;
  /** Undefined without an engine. @throws {Unavailable} when the API does not answer. */
  engineNetworks(): Promise<readonly EngineNetwork[] | undefined>;
  /** The tables of others with chains that forwarded packets pass. */
  forwardTables(): Promise<readonly ForwardTable[]>;
}

export function viewHost(parts: DoctorParts, netfilter: NetlinkTransport): HostView {
  const engineNetworks = once(async () => parts.engine?.networks());
  return {
    parts,
    netfilter,
    engineNetworks,
    networks: once(async () => networkFacts(parts, await namesOf(engineNetworks))),
    links: once(() => parts.kernel.links()),
    routes: once(() => parts.kernel.routes()),
    forwardTables: once(() => readForwardTables(netfilter)),
  };
}

function once<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined;
  return () => {
    value ??= read();
    return value;
  };
}

/** Names are for showing: an engine that does not answer is the business of the checks about Docker. */
async function namesOf(engineNetworks: HostView['engineNetworks']): Promise<ReadonlyMap<string, string>> {
  const networks = await engineNetworks().catch(() => undefined);
  return new Map((networks ?? []).map(({ id, name }) => [id, name]));
}

function networkFacts(
  { repository }: DoctorParts,
  names: ReadonlyMap<string, string>,
): readonly NetworkFacts[] {
  return [...repository.networks()].map((network): NetworkFacts => {
    const { request, driver } = network;
    const bridge = drivers.get(driver)?.bridgeOf(network);
    const mtu = Number(request.options['com.docker.network.driver.mtu'] ?? 0);
    const parent = request.options['parent'];
    return {
      id: request.id,
      label: names.get(request.id) ?? request.id.slice(0, 12),
      driver,
      ...(bridge === undefined ? {} : { bridge }),
      internal: request.internal,
      ...(mtu > 0 ? { mtu } : {}),
      ...(parent === undefined ? {} : { parent }),
      subnets: [...request.ipv4, ...request.ipv6].map(({ pool }) => pool),
      ipv6: request.ipv6.length > 0,
      attached: repository.endpointsOf(request.id).filter(({ attachment }) => attachment !== undefined)
        .length,
    };
  });
}
