import type { Status } from '../../core/control.ts';
import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { NamingView, ServiceRecord } from '../../core/naming.ts';
import type { NameTable, QueryCounts } from '../../discovery/index.ts';

/** What a person decides of a service; what is left out does not hold. */
export type ServiceSettings = Pick<ServiceRecord, 'ports' | 'affinity' | 'health' | 'select' | 'weights'>;

/** Names and services, and what changes services. */
export interface NamingSource extends NamingView {
  /**
   * Makes a service with virtual IPs, of origin `api`.
   * @param network key of a network.
   * @param name in lower case.
   * @throws {AlreadyExists} when the network has one of that name.
   * @throws {Exhausted} when it has no free address. {Unavailable} when the store cannot be reached.
   */
  createService(network: string, name: string, settings: ServiceSettings): Promise<ServiceRecord>;
  /**
   * Changes a service, of either origin.
   * @param change from what holds when it is written to what is to hold; may be called again, and may throw.
   * @throws {NotFound} when there is no such service. {Unavailable}
   */
  updateService(
    network: string,
    name: string,
    change: (now: ServiceRecord) => ServiceSettings,
  ): Promise<ServiceRecord>;
  /** @throws {NotFound} {Conflict} when containers declare it. {Unavailable} */
  removeService(network: string, name: string): Promise<void>;
  /** Declarations that differ from what holds or are wrong, one sentence each. */
  problems(): readonly string[];
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
  state(): Status['resolver'];
  /** Whether the sandbox is served now. */
  serves(sandbox: SandboxKey): boolean;
  /** Queries by what became of them, of all sandboxes together, since it started. */
  counts(): QueryCounts;
}

/** Names, services and DNS, where weftd has them. */
export interface NamesSources {
  readonly naming: NamingSource;
  readonly balancing: BalancingSource;
  /** Absent: `--resolver off`. */
  readonly resolver?: ResolverSource;
  /** Names as sandboxes are answered. */
  readonly table: Pick<NameTable, 'lookup'>;
}
