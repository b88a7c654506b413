import type { Ip } from './address.ts';
import type { RemoteEndpoint } from './cluster.ts';
import type { IfName, Mac } from './ids.ts';
import type { KernelObject } from './kernel-objects.ts';
import type {
  DriverName,
  Endpoint,
  EndpointRequest,
  JoinInfo,
  Network,
  NetworkRequest,
  PortRequest,
} from './model.ts';
import type { HostLink } from './ports.ts';

/** What a driver may know of the host when it reads options. */
export interface HostFacts {
  /** Links that exist and are not weft's, by name. */
  readonly foreignLinks: ReadonlyMap<string, Omit<HostLink, 'name' | 'alias'>>;
}

/** The other weft networks on this host, for checks between networks. */
export type OtherNetworks = readonly Network[];

/**
 * A network driver is a planner: it reads options and says which kernel objects must exist. It causes no effect and
 * cannot, because it may not import the kernel.
 */
export interface NetworkDriver<Options = unknown> {
  readonly name: DriverName;
  readonly connectivity: 'local' | 'global';
  /** Families for which `docker network create` needs no gateway address (protocol: GwAllocCheck). */
  skipGateway(request: Pick<NetworkRequest, 'options' | 'internal'>): {
    readonly ipv4: boolean;
    readonly ipv6: boolean;
  };
  /**
   * Checks and completes the options of a new network.
   * @throws {InvalidArgument} naming the option, the value and what is accepted.
   * @throws {Conflict} when another network or a foreign link stands in the way.
   */
  parseNetwork(request: NetworkRequest, host: HostFacts, others: OtherNetworks): Options;
  /** @throws {InvalidArgument} naming the option, the value and what is accepted. */
  parseEndpoint(network: Network<Options>, request: EndpointRequest): void;
  /** Objects the network needs for itself, in creation order. Pure and total. */
  planNetwork(network: Network<Options>): readonly KernelObject[];
  /** Objects one endpoint adds, given its stored state: nothing before Join. Independent of other endpoints. */
  planEndpoint(network: Network<Options>, endpoint: Endpoint): readonly KernelObject[];
  /** The MAC of a container's link where nobody asks for one; undefined where the link has none that weft could choose. */
  chosenMac(network: Network<Options>, request: EndpointRequest): Mac | undefined;
  /** Links on the host that go when the endpoint goes, whether it is in a sandbox or not. */
  endpointLinks(endpoint: Endpoint): readonly IfName[];
  /**
   * Host ports to hold and translate for an endpoint that carries external connectivity.
   * @throws {InvalidArgument} when a mapping names a host address the endpoint cannot serve.
   */
  portRequests(network: Network<Options>, endpoint: Endpoint): readonly PortRequest[];
  /** Present where one container at a time can be on a network: what of the network makes it so, or undefined. */
  admitsOne?(network: Network<Options>): string | undefined;
  /** Gratuitous announcements to make at Join: how many, and milliseconds between them. */
  announcements(network: Network<Options>): { readonly count: number; readonly intervalMs: number };
  /** Keys of Docker's that the driver has no use for; logged once at creation. */
  ignoredOptions(network: Network<Options>): readonly string[];
  /** What Docker is told at Join. */
  joinInfo(network: Network<Options>, endpoint: Endpoint): JoinInfo;
  /**
   * Present on a network whose IPv4 addresses the LAN's DHCP server gives (option `weft.dhcp`): by which device of the
   * host it is asked. Containers must have the MAC that they were given the address for.
   */
  dhcp?(network: Network<Options>): { readonly device: IfName } | undefined;
  /** Overlay only: what an endpoint of another host needs here, `vtep` being that host's underlay address. */
  planRemote?(network: Network<Options>, remote: RemoteEndpoint, vtep: Ip): readonly KernelObject[];
  /** Overlay only: what another host that has joined the network needs here. */
  planPeer?(network: Network<Options>, vtep: Ip): readonly KernelObject[];
  /** The host-side bridge of the network, for announcements; undefined when it has none. */
  bridgeOf(network: Network<Options>): IfName | undefined;
  /** Whether the host itself has a way to the network's containers on it, and so to its services. */
  reachedByHost(network: Network<Options>): boolean;
  /**
   * The host's device through which the network's containers are on a LAN shared with others; undefined for an internal
   * network or any driver that is not on a LAN.
   */
  lanLink?(network: Network<Options>): IfName | undefined;
}
