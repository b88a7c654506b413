import type { Cidr, IfAddress, Ip } from './address.ts';
import type { Tunnel } from './cluster.ts';
import type { EndpointId, IfName, Mac, NetworkId, SandboxKey } from './ids.ts';
import type { Protocol } from './ports.ts';

export type DriverName = 'weft-bridge' | 'weft-overlay' | 'weft-macvlan' | 'weft-ipvlan' | 'weft-none';

/** One IPAM configuration of a network. */
export interface Subnet {
  readonly pool: Cidr;
  readonly gateway?: IfAddress;
  readonly aux: Readonly<Record<string, Ip>>;
}

/** CreateNetwork as decoded from the wire, before any driver has looked at its options. */
export interface NetworkRequest {
  readonly id: NetworkId;
  readonly internal: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  /** `-o key=value`; values are always text. */
  readonly options: Readonly<Record<string, string>>;
  readonly ipv4: readonly Subnet[];
  readonly ipv6: readonly Subnet[];
}

/** A network as stored: what was asked for, and what its driver made of the options. */
export interface Network<Options = unknown> {
  readonly driver: DriverName;
  readonly request: NetworkRequest;
  readonly options: Options;
  /** Overlay only: present once the network is one of the cluster's. */
  readonly tunnel?: Tunnel;
  /** Docker has listed it: its creation was completed. */
  readonly listed?: true;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface ExposedPort {
  readonly protocol: Protocol;
  readonly port: number;
}

/** A published port as asked for. `hostPort` 0 means: choose one. */
export interface PortMapping {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** Absent: the network's default binding. */
  readonly hostIp?: Ip;
  readonly hostPort: number;
  readonly hostPortEnd: number;
}

/** A mapping made concrete: one host port, the same on every binding, from `hostPort`–`hostPortEnd` (0: any). */
export interface PortRequest {
  readonly protocol: Protocol;
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostPortEnd: number;
  readonly bindings: readonly { readonly hostIp: Ip; readonly containerIp: Ip }[];
  /** TCP only: weftd listens as well, for clients that the kernel's translation cannot serve. */
  readonly relayed: boolean;
}

/**
 * A published port as programmed, one per host address. Where the families of the two addresses differ, weftd relays
 * in user space, because the kernel does not translate between families.
 */
export interface PublishedPort {
  readonly protocol: Protocol;
  readonly hostIp: Ip;
  readonly hostPort: number;
  readonly containerIp: Ip;
  readonly containerPort: number;
  /** weftd listens on it as well: see PortRequest. */
  readonly relayed?: true;
}

/** CreateEndpoint as decoded from the wire. */
export interface EndpointRequest {
  readonly id: EndpointId;
  readonly networkId: NetworkId;
  readonly ipv4?: IfAddress;
  readonly ipv6?: IfAddress;
  readonly mac?: Mac;
  /** Driver-opts of the endpoint other than the ones Docker defines structure for. */
  readonly options: Readonly<Record<string, string>>;
}

/** What Join told: present while the endpoint is in a sandbox. */
export interface Attachment {
  readonly sandboxKey: SandboxKey;
  readonly mappings: readonly PortMapping[];
  readonly exposed: readonly ExposedPort[];
}

/** An endpoint as stored. */
export interface Endpoint {
  readonly request: EndpointRequest;
  /** The MAC the container's link has: asked for, or chosen by weft. */
  readonly mac: Mac;
  readonly attachment?: Attachment;
  /** Non-empty while external connectivity is programmed. */
  readonly published: readonly PublishedPort[];
  /** True between ProgramExternalConnectivity and its revocation: this endpoint carries the default route. */
  readonly external: boolean;
  readonly createdAt: number;
}

/** The answer to Join. */
export interface JoinInfo {
  readonly link?: {
    readonly sourceName: IfName;
    readonly destinationPrefix: string;
    readonly destinationName?: IfName;
  };
  readonly gateway?: Ip;
  readonly gatewayIpv6?: Ip;
  readonly routes: readonly { readonly destination: Cidr; readonly nextHop?: Ip }[];
  readonly disableGatewayService: boolean;
}
