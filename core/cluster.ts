import type { Cidr, Ip } from './address.ts';
import type { EndpointId, Mac } from './ids.ts';

/**
 * What the hosts of a cluster know of each other. Keys are relative to the shared store's prefix:
 *
 *     member/NODE               MemberRecord    while the node belongs to the cluster
 *     address/IP                node name       one node for each underlay address
 *     alive/NODE                AliveRecord     under the node's lease
 *     removed/NODE-ID           RemovedRecord   nodes that were removed and must not act any more
 *     network/NAME              ClusterNetwork  the one definition of a network
 *     vni/VNI                   network name    one network for each VNI
 *     joined/NAME/NODE          JoinedRecord    the network exists on that node
 *     endpoint/NAME/NODE/ID     RemoteEndpoint  an endpoint in a sandbox of that node
 *     left/NAME/NODE            ClusterNetwork.id   the network was removed on that node alone
 *     gone/NAME/ID              GoneRecord      the network was removed everywhere
 *     block/NAME/CIDR           see ipam/       who gives the addresses of that block
 *     name/NAME/NODE/ID         NameRecord      the names of an endpoint of that node
 *     service/NAME/SERVICE      ServiceRecord   a service and its virtual IPs
 */
export const CLUSTER_KEYS = {
  member: 'member/',
  address: 'address/',
  alive: 'alive/',
  removed: 'removed/',
  network: 'network/',
  vni: 'vni/',
  joined: 'joined/',
  left: 'left/',
  gone: 'gone/',
  endpoint: 'endpoint/',
  block: 'block/',
  name: 'name/',
  service: 'service/',
} as const;

/** A host of the cluster. */
export interface MemberRecord {
  /** Made once for each state directory, so that two hosts with one name are told apart. */
  readonly id: string;
  readonly name: string;
  /** Underlay address: its VTEP. */
  readonly address: Ip;
  readonly vxlanPort: number;
  /** Milliseconds since the epoch. */
  readonly joinedAt: number;
}

export interface AliveRecord {
  readonly id: string;
  readonly version: string;
  /** Made at each start, so that two processes with one state directory are told apart. */
  readonly instance: string;
  /** When this weftd started; milliseconds since the epoch. */
  readonly since: number;
}

export interface RemovedRecord {
  readonly name: string;
  readonly at: number;
}

export interface GoneRecord {
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** One subnet of a cluster network; `gateway` is the same on every host. */
export interface ClusterSubnet {
  readonly pool: Cidr;
  readonly gateway?: Ip;
  readonly ipRange?: Cidr;
  readonly aux: Readonly<Record<string, Ip>>;
}

/** The definition of an overlay network, made by the first creation and never changed. */
export interface ClusterNetwork {
  readonly name: string;
  /** Distinguishes a network from an earlier one of the same name. */
  readonly id: string;
  readonly vni: number;
  readonly subnets: readonly ClusterSubnet[];
  readonly internal: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  /** Driver options as given, except those that name the network or one host. */
  readonly options: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** Node of the first creation. */
  readonly createdBy: string;
}

export interface JoinedRecord {
  /** ClusterNetwork.id that the node has joined. */
  readonly network: string;
  /** Why it could not; absent when it has. */
  readonly refused?: string;
}

/** An endpoint of another host, or of this one as the others see it. */
export interface RemoteEndpoint {
  readonly id: EndpointId;
  /** Cluster-wide name of its network. */
  readonly network: string;
  /** Name of its node. */
  readonly node: string;
  readonly mac: Mac;
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
}

/** How a network is tunnelled from this host; stored with the network once its definition is known. */
export interface Tunnel {
  /** Cluster-wide name of the network. */
  readonly name: string;
  /** ClusterNetwork.id */
  readonly id: string;
  readonly vni: number;
  /** This host's underlay address. */
  readonly local: Ip;
  readonly port: number;
  /** Bytes: the largest packet that the way to every other host takes whole. Absent: not known, taken for 1500. */
  readonly underlayMtu?: number;
}
