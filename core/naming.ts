import type { Ip } from './address.ts';
import type { EndpointId, SandboxKey } from './ids.ts';
import type { Network } from './model.ts';
import type {
  Backend,
  BackendState,
  HealthProbe,
  Service,
  ServiceDeclaration,
  ServicePort,
} from './service.ts';

/*
 * Names and services as hosts tell each other of them, and as one host looks at them.
 *
 * The key of a network here (`network`) is the cluster-wide name of an overlay network; of any other network it is
 * Docker's id of it on this host.
 */

/** The key of a network here; undefined for an overlay that has no name in the cluster yet. */
export function networkKey({ driver, request, tunnel }: Network): string | undefined {
  return driver === 'weft-overlay' ? tunnel?.name : request.id;
}

/** What a host tells of the names of one of its endpoints: `name/NETWORK/NODE/ENDPOINT` in a store. */
export interface NameRecord {
  readonly endpoint: EndpointId;
  readonly network: string;
  /** What Docker calls the network on the endpoint's host. */
  readonly networkName: string;
  /** Name of its node. */
  readonly node: string;
  /** Docker's id of the container. */
  readonly container: string;
  /** Lower case; the container's name first, then network aliases and the Compose service, each once. */
  readonly names: readonly string[];
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** `ready` for what nobody examines. */
  readonly state: BackendState;
  /** Milliseconds since the epoch: when its service was first declared; decides between declarations that differ. */
  readonly declaredAt: number;
  readonly service?: ServiceDeclaration;
}

/** A service: `service/NETWORK/NAME` in a store. Its virtual IPs stay as they are for as long as the record is. */
export interface ServiceRecord extends Service {
  /** `label`: endpoints declare it; its ports and affinity follow them. `api`: made by hand, which holds. */
  readonly origin: 'label' | 'api';
  /** How its backends are examined where they do not say themselves. */
  readonly health?: HealthProbe;
  /** Of one made by hand: a name whose endpoints are its backends besides those that declare it. Lower case. */
  readonly select?: string;
  /** Weights set by hand, by container name or endpoint id; before what a backend declares. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Of one that nobody declares any more: since when, milliseconds since the epoch. */
  readonly unusedSince?: number;
}

/** One thing that is other than it was. A service changes, too, when its backends do. */
export type NamingChange =
  | { readonly kind: 'name'; readonly network: string; readonly endpoint: EndpointId }
  | { readonly kind: 'service'; readonly network: string; readonly name: string };

/** Names and services as this host knows them, of its own and of the cluster's networks; all reads are at once. */
export interface NamingView {
  /** Keys of the networks that have any. */
  networks(): Iterable<string>;
  names(network: string): Iterable<NameRecord>;
  name(network: string, endpoint: EndpointId): NameRecord | undefined;
  services(network: string): Iterable<ServiceRecord>;
  service(network: string, name: string): ServiceRecord | undefined;
  /** In the order of their endpoint ids. */
  backends(service: ServiceRecord): readonly Backend[];
  /** Batches of changes, after the view shows them. The listener must not throw. */
  subscribe(listener: (changes: readonly NamingChange[]) => void): Disposable;
}

/** A sandbox of this host with at least one endpoint of weft's. */
export interface SandboxView {
  readonly key: SandboxKey;
  /** Keys of the networks it is on, in the order in which it has joined them; those without a key yet are left out. */
  readonly networks: readonly string[];
  readonly endpoints: readonly EndpointId[];
}

/** The sandboxes of this host, by what is stored: their namespace may not exist yet, or no longer. */
export interface Sandboxes {
  all(): Iterable<SandboxView>;
  get(key: SandboxKey): SandboxView | undefined;
  /** Keys that changed, came or went. The listener must not throw. */
  subscribe(listener: (changed: ReadonlySet<SandboxKey>) => void): Disposable;
}

/** What an endpoint says of the service that it is a backend of, as far as names need it. */
export interface BackendOf {
  /** Lower case. */
  readonly name: string;
  /** Empty: any port. */
  readonly ports: readonly ServicePort[];
}

/** An endpoint's names as the resolver knows them. */
export interface EndpointNames {
  readonly endpoint: EndpointId;
  readonly network: string;
  readonly networkName: string;
  readonly node: string;
  /** Lower case; the container's name first, then network aliases and the Compose service. */
  readonly names: readonly string[];
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** Whether it is to be given new work: started, and healthy where a health check says so. */
  readonly ready: boolean;
  readonly service?: BackendOf;
}

/** A service as the resolver knows it. Without an address its name gives the backends. */
export interface ServiceNames {
  readonly network: string;
  /** Lower case. */
  readonly name: string;
  readonly vip4?: Ip;
  readonly vip6?: Ip;
  readonly ports: readonly ServicePort[];
}
