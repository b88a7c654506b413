import type { Cidr, IfAddress, Ip } from '../../core/address.ts';
import type { EndpointId, Mac, NetworkId, PoolId, SandboxKey } from '../../core/ids.ts';
import type {
  DriverName,
  EndpointRequest,
  ExposedPort,
  JoinInfo,
  NetworkRequest,
  PortMapping,
  Subnet,
} from '../../core/model.ts';

/** What a network driver says of itself when an engine registers it (libnetwork remote/api: GetCapabilityResponse). */
export interface NetworkCapabilities {
  /** Local: each engine has its own networks. */
  readonly scope: 'local';
  readonly connectivity: 'local' | 'global';
}

/** AllocateNetwork as decoded from the wire: a swarm manager asks before any node creates the network. */
export interface AllocationRequest {
  readonly id: NetworkId;
  /** The user's `-o` options, merged with what an earlier allocation of the same network returned. */
  readonly options: Readonly<Record<string, string>>;
  readonly ipv4: readonly Subnet[];
  readonly ipv6: readonly Subnet[];
}

/** Join as decoded from the wire. Ports are the sandbox's, the same for each of its networks. */
export interface JoinRequest {
  readonly networkId: NetworkId;
  readonly endpointId: EndpointId;
  /** The namespace file may not exist yet: engines before 28 bind it after Join. */
  readonly sandboxKey: SandboxKey;
  readonly mappings: readonly PortMapping[];
  readonly exposed: readonly ExposedPort[];
}

/** The ports of ProgramExternalConnectivity: those of Join again. */
export interface ExternalPorts {
  readonly mappings: readonly PortMapping[];
  readonly exposed: readonly ExposedPort[];
}

/**
 * What the NetworkDriver calls of every socket end in.
 *
 * The server passes on what it decoded and nothing more: serialising calls for one network, idempotence by id and
 * rollback belong to the implementation. A call is never cancelled. When its caller has gone, or was told that the
 * deadline has passed, the call still runs to its end, and what an engine does about a failure (DeleteEndpoint, Leave,
 * ReleaseAddress) may arrive while it runs. So an implementation queues calls by network, and a change is either
 * finished or undone, never left half done.
 *
 * A rejection is answered with the message of a WeftError; anything else becomes a fixed sentence and a logged stack.
 */
export interface NetworkBackend {
  /** Constant; read once for each driver, before the sockets open. */
  capabilities(driver: DriverName): NetworkCapabilities;
  /** The families for which `docker network create` needs no gateway address. */
  gwAllocCheck(
    driver: DriverName,
    request: Pick<NetworkRequest, 'options' | 'internal'>,
  ): { readonly ipv4: boolean; readonly ipv6: boolean };
  createNetwork(driver: DriverName, request: NetworkRequest): Promise<void>;
  /** Succeeds for a network that does not exist: engines repeat it after a crash. */
  deleteNetwork(driver: DriverName, id: NetworkId): Promise<void>;
  /** Gives what to add to the endpoint. A MAC is passed on only when the request named none. */
  createEndpoint(driver: DriverName, request: EndpointRequest): Promise<{ readonly mac?: Mac }>;
  /** Undoes Join and ProgramExternalConnectivity too; succeeds for an endpoint that does not exist. */
  deleteEndpoint(driver: DriverName, networkId: NetworkId, id: EndpointId): Promise<void>;
  join(driver: DriverName, request: JoinRequest): Promise<JoinInfo>;
  /** Undoes ProgramExternalConnectivity too; succeeds for an endpoint that has not joined. */
  leave(driver: DriverName, networkId: NetworkId, endpointId: EndpointId): Promise<void>;
  programExternal(
    driver: DriverName,
    networkId: NetworkId,
    endpointId: EndpointId,
    ports: ExternalPorts,
  ): Promise<void>;
  /** Succeeds for an endpoint that was never programmed. */
  revokeExternal(driver: DriverName, networkId: NetworkId, endpointId: EndpointId): Promise<void>;
  /** A rejection is logged and answered as if it were empty: engines before 28 fail the container otherwise. */
  operInfo(
    driver: DriverName,
    networkId: NetworkId,
    endpointId: EndpointId,
  ): Promise<Readonly<Record<string, string>>>;
  /** A swarm node came or went. `data` is what the engine sent, undecoded. */
  discover(kind: 'new' | 'delete', data: unknown): void;
  /**
   * The options that the nodes' CreateNetwork will carry. The user's reach the nodes only if they are repeated here.
   * The same network may be asked for again, with the earlier answer merged in, and must get the same answer.
   */
  allocateNetwork(driver: DriverName, request: AllocationRequest): Promise<Readonly<Record<string, string>>>;
  /** Succeeds for a network that was never allocated. */
  freeNetwork(driver: DriverName, id: NetworkId): Promise<void>;
}

/** What an IPAM driver says of itself (libnetwork ipams/remote/api: GetCapabilityResponse). */
export interface IpamCapabilities {
  readonly requiresMacAddress: boolean;
  readonly requiresRequestReplay: boolean;
}

/** RequestPool as decoded from the wire. */
export interface PoolRequest {
  readonly space: string;
  /** Absent: choose one. With an unspecified address (`0.0.0.0/26`, `::/80`): any of that size. */
  readonly pool?: Cidr;
  /** Automatic addresses come from here only. */
  readonly subPool?: Cidr;
  /** Null marks a repeat by swarm; an engine sends an empty record for a user without options. */
  readonly options: Readonly<Record<string, string>> | null;
  /** The family of an automatic pool. Swarm managers leave it false for IPv6 pools too. */
  readonly v6: boolean;
}

/** RequestAddress as decoded from the wire. */
export interface AddressRequest {
  /** Opaque text of the engine's, not checked to be a pool of weft's. */
  readonly poolId: string;
  /** Absent: choose one. */
  readonly address?: Ip;
  readonly options: Readonly<Record<string, string>> | null;
}

/** What the IpamDriver calls end in. What is said of NetworkBackend about calls, rollback and errors holds here too. */
export interface IpamBackend {
  /** Constant; read once, before the sockets open. */
  capabilities(): IpamCapabilities;
  /** Constant; read once, before the sockets open. Two different names. */
  addressSpaces(): { readonly local: string; readonly global: string };
  requestPool(request: PoolRequest): Promise<{ readonly poolId: PoolId; readonly pool: Cidr }>;
  /** Succeeds for a pool that does not exist. */
  releasePool(poolId: string): Promise<void>;
  /** The address with its pool's prefix length. */
  requestAddress(request: AddressRequest): Promise<IfAddress>;
  /** Succeeds for an address that is not held. */
  releaseAddress(request: { readonly poolId: string; readonly address: Ip }): Promise<void>;
}
