import type { EndpointId } from '../../core/ids.ts';
import type { NamingView, ServiceRecord } from '../../core/naming.ts';
import type { ClientAffinity, HealthProbe, ServicePort } from '../../core/service.ts';
import type { NameTable, QueryCounts } from '../../discovery/index.ts';

/** What can be set of a service by hand; null takes away what was said. */
export interface ServiceSettings {
  readonly ports?: readonly ServicePort[];
  readonly affinity?: ClientAffinity | null;
  readonly health?: HealthProbe | null;
  readonly select?: string | null;
  /** By container name or endpoint id; of these only. */
  readonly weights?: Readonly<Record<string, number | null>>;
}

/** A service to make. */
export type NewService = Pick<ServiceRecord, 'network' | 'name'> &
  Partial<Pick<ServiceRecord, 'ports' | 'affinity' | 'health' | 'select' | 'weights'>>;

/** Names and services, and what changes services. */
export interface NamingSource {
  readonly view: NamingView;
  /** What is wrong with names and services, one sentence each. */
  readonly problems: readonly string[];
  /**
   * Makes a service with virtual IPs.
   * @throws {NotFound} when this host has no such network. {AlreadyExists}
   * @throws {Exhausted} when it has no free address. {Unavailable} when the store cannot be reached.
   */
  createService(spec: NewService): Promise<ServiceRecord>;
  /** @throws {NotFound} {Conflict} for what only labels can say. {Unavailable} */
  updateService(network: string, name: string, change: ServiceSettings): Promise<ServiceRecord>;
  /** @throws {NotFound} {Conflict} while containers declare it. {Unavailable} */
  removeService(network: string, name: string): Promise<void>;
}

/** What clients on this host sent to one backend through its service. */
export interface BackendTally {
  readonly endpoint: EndpointId;
  readonly connections: bigint;
  /** Of both directions; absent where only connections are counted. */
  readonly packets?: bigint;
  readonly bytes?: bigint;
}

/** Counters of the sandboxes of this host and of the host itself. */
export interface BalancingSource {
  /** One for each backend that is counted. Rejects when the kernel does not tell. */
  tallies(network: string, service: string): Promise<readonly BackendTally[]>;
}

/** The resolver process, as weftd sees it. */
export interface ResolverSource {
  readonly status: {
    /** Absent while there is none. */
    readonly process?: { readonly serving: number };
    /** Queries by what became of them, of all sandboxes together. */
    readonly queries: QueryCounts;
    /** How often a process was started in place of one that had ended. */
    readonly restarts?: number;
    /** Why the last one ended. */
    readonly lastError?: string;
  };
}

/** Names, services and DNS, where weftd has them. */
export interface NamesSources {
  readonly naming: NamingSource;
  readonly balancing: BalancingSource;
  /** Absent: `--resolver off`. */
  readonly resolver?: ResolverSource;
  /** Names as sandboxes are answered. */
  table(): Promise<Pick<NameTable, 'lookup'>>;
}
