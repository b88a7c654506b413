import type {
  DoctorFinding,
  DriftReport,
  EndpointView,
  EventView,
  Explanation,
  IpamPoolDetail,
  IpamPoolView,
  NetworkView,
  NodeList,
  NodeRemoval,
  PortView,
  Status,
} from '../../core/control.ts';
import type { NamesBackend } from './names-backend.ts';

/** Which endpoints to list; all of them when empty. */
export interface EndpointFilter {
  /** Id, id prefix or name of a network. */
  readonly network?: string;
  /** True: those of other hosts too. */
  readonly all?: boolean;
}

/** Which events to read. */
export interface EventFilter {
  /** Milliseconds since the epoch: every kept event from then on. Absent: the last few. */
  readonly since?: number;
  /** False: end after what is kept, instead of waiting for more. */
  readonly follow?: boolean;
}

/**
 * What the control API shows and does, as the rest of the daemon provides it. Lists are in a stable order.
 * A `ref` is a full id, a prefix of one, or a name; it is non-empty and at most 256 characters.
 */
export interface ControlBackend extends NamesBackend {
  status(): Promise<Status>;
  networks(): Promise<readonly NetworkView[]>;
  /**
   * @throws {NotFound} when nothing matches.
   * @throws {Conflict} when a prefix matches several, naming them.
   */
  network(ref: string): Promise<NetworkView>;
  /**
   * @throws {NotFound} when the filter names no network.
   * @throws {Conflict} when it names several.
   */
  endpoints(filter?: EndpointFilter): Promise<readonly EndpointView[]>;
  /**
   * @throws {NotFound} when nothing matches.
   * @throws {Conflict} when a prefix matches several, naming them.
   */
  endpoint(ref: string): Promise<EndpointView>;
  pools(): Promise<readonly IpamPoolView[]>;
  /**
   * @param ref a pool id, or its CIDR alone.
   * @throws {NotFound} when there is no such pool.
   * @throws {Conflict} when several address spaces have that CIDR, naming them.
   */
  pool(ref: string): Promise<IpamPoolDetail>;
  ports(): Promise<readonly PortView[]>;
  /** Kept events, then new ones until `signal` aborts. Ends, and never throws, on abort. */
  events(signal: AbortSignal, filter?: EventFilter): AsyncIterable<EventView>;
  drift(): Promise<DriftReport>;
  nodes(): Promise<NodeList>;
  /**
   * Takes a host out of the cluster.
   * @param options `force`: also one whose weftd lives.
   * @throws {NotFound} when there is no such host.
   * @throws {Conflict} when it is this one, or lives.
   * @throws {Unavailable} when the store cannot be reached.
   */
  removeNode(name: string, options: { readonly force: boolean }): Promise<NodeRemoval>;
  /**
   * Walks from an endpoint of this host to another, by intent and by kernel.
   * @param from container name, endpoint id or its beginning, or address.
   * @param to the same on any host, or a name or service, with `:PORT` or `:PORT/udp` after it or without.
   * @throws {InvalidArgument} when the port is none.
   * @throws {NotFound} when nothing matches.
   * @throws {Conflict} when an id prefix matches several, or `from` is on another host.
   */
  explain(from: string, to: string): Promise<Explanation>;
  /** Runs every check now; a check that cannot be made is a finding, not an error. */
  doctor(): Promise<readonly DoctorFinding[]>;
}
