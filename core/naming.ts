import type { Ip } from './address.ts';
import type { EndpointId } from './ids.ts';
import type { Protocol } from './ports.ts';

/** A port that a service is reached at. */
export interface ServicePort {
  readonly protocol: Protocol;
  readonly port: number;
  /** Where the backends listen; absent: the same port. */
  readonly target?: number;
  /** Service name as in SRV (RFC 6335 section 5.1: `http`); the port's number serves as name in any case. */
  readonly name?: string;
}

/** What an endpoint says of the service that it is a backend of. */
export interface BackendOf {
  /** Lower case. */
  readonly name: string;
  /** Empty: any port. */
  readonly ports: readonly ServicePort[];
}

/** What a host tells all hosts about the names of one of its endpoints. */
export interface EndpointNames {
  readonly endpoint: EndpointId;
  /** Cluster-wide name of an overlay network; of any other, Docker's id of it on this host. */
  readonly network: string;
  /** What Docker calls the network on the endpoint's host. */
  readonly networkName: string;
  /** Name of its node. */
  readonly node: string;
  /** Lower case; the container's name first, then network aliases and the Compose service. */
  readonly names: readonly string[];
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** Whether it is to be given new work: started, and healthy where a health check says so. */
  readonly ready: boolean;
  readonly service?: BackendOf;
}

/** A service on a network as all hosts know it. Without an address its name gives the backends. */
export interface ServiceNames {
  /** As EndpointNames.network. */
  readonly network: string;
  /** Lower case. */
  readonly name: string;
  readonly vip4?: Ip;
  readonly vip6?: Ip;
  readonly ports: readonly ServicePort[];
}
