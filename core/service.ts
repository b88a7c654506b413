import type { Ip } from './address.ts';
import type { EndpointId } from './ids.ts';
import type { Protocol } from './ports.ts';

/** A port clients connect to at the virtual IP, and the one it is on the backends. Both 1–65535. */
export interface ServicePort {
  readonly protocol: Protocol;
  readonly port: number;
  readonly target: number;
  /** Service name as in SRV (RFC 6335 section 5.1: `http`); the port's number serves as name in any case. */
  readonly name?: string;
}

/** How to find out whether a backend answers. */
export type HealthProbe =
  | { readonly kind: 'tcp'; readonly port: number }
  /** `path` begins with a slash. */
  | { readonly kind: 'http'; readonly port: number; readonly path: string };

/** That a client keeps its backend. */
export interface ClientAffinity {
  /**
   * How long after its last new connection a client is remembered. Absent: nothing is remembered, the client's address
   * alone decides, and a change of backends moves as few clients as it can.
   */
  readonly timeoutSeconds?: number;
}

/** What one endpoint says of the service that it is a backend of. */
export interface ServiceDeclaration {
  /** In lower case, as names are looked up without regard to it. */
  readonly service: string;
  /** Empty: every port, unchanged. */
  readonly ports: readonly ServicePort[];
  readonly affinity?: ClientAffinity;
  /** This endpoint's, 0–1000. */
  readonly weight: number;
  /** This endpoint's. Absent: Docker's own health status, where the container has one. */
  readonly health?: HealthProbe;
}

/** A name with one virtual IP of each family of its network, behind which backends share the connections. */
export interface Service {
  /** As NameRecord.network. */
  readonly network: string;
  /** Lower case. */
  readonly name: string;
  /** Empty: every port of every protocol, unchanged. Otherwise connections to any other port are refused. */
  readonly ports: readonly ServicePort[];
  /** Absent: connections take turns. */
  readonly affinity?: ClientAffinity;
  readonly vip4?: Ip;
  readonly vip6?: Ip;
}

/**
 * `starting`: not yet known to answer; `ready`: takes connections; `draining`: keeps the ones it has;
 * `failing`: its probe or Docker says that it does not answer.
 */
export type BackendState = 'starting' | 'ready' | 'draining' | 'failing';

/** An endpoint behind a service. */
export interface Backend {
  readonly endpoint: EndpointId;
  /** Name of its host. */
  readonly node: string;
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** Its share of new connections beside the others': 0–1000, where 0 is none. */
  readonly weight: number;
  readonly state: BackendState;
}

/** Greatest weight of a backend. */
export const MOST_WEIGHT = 1000;
