import type {
  DoctorFinding,
  DriftReport,
  EndpointView,
  EventView,
  IpamPoolDetail,
  IpamPoolView,
  NetworkView,
  PortView,
  Status,
} from '../../core/control.ts';

/** Which endpoints to list; all of them when empty. */
export interface EndpointFilter {
  /** Id, id prefix or name of a network. */
  readonly network?: string;
}

/** Which events to read. */
export interface EventFilter {
  /** Milliseconds since the epoch: every kept event from then on. Absent: the last few. */
  readonly since?: number;
  /** False: end after what is kept, instead of waiting for more. */
  readonly follow?: boolean;
}

/**
 * What the control API shows, as the rest of the daemon provides it. Lists are in a stable order.
 * A `ref` is a full id, a prefix of one, or a name; it is non-empty and at most 256 characters.
 */
export interface ControlBackend {
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
  /** Runs every check now; a check that cannot be made is a finding, not an error. */
  doctor(): Promise<readonly DoctorFinding[]>;
}
