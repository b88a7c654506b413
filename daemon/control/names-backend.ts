import type {
  DnsAnswer,
  ServiceChange,
  ServiceDetail,
  ServiceRequest,
  ServiceView,
} from '../../core/control.ts';

/** A question as a person asks it. */
export interface DnsQuery {
  /** A name, or an address. */
  readonly name: string;
  /** Absent: what fits the name, which is PTR for an address, SRV for `_port._protocol…`, else A and AAAA. */
  readonly type?: 'A' | 'AAAA' | 'PTR' | 'SRV';
  /** Id, id prefix or name of a network. Absent: all that this host knows. */
  readonly network?: string;
}

/**
 * What the control API shows and changes of names and services. Networks are named as everywhere; names of services
 * are looked up without regard to case.
 */
export interface NamesBackend {
  /**
   * By name, then by network.
   * @throws {NotFound} {Conflict} when the network is none, or several.
   */
  services(filter?: { readonly network?: string }): Promise<readonly ServiceView[]>;
  /** @throws {NotFound} {Conflict} when there is no such service, or the network is none or several. */
  service(network: string, name: string): Promise<ServiceDetail>;
  /**
   * Makes a service, with virtual IPs.
   * @throws {InvalidArgument} naming the field, the value and what is accepted.
   * @throws {NotFound} {Conflict} when the network is none, or several.
   * @throws {AlreadyExists} when the network has one of that name.
   * @throws {Exhausted} when the network has no free address.
   * @throws {Unavailable} when the store cannot be reached.
   */
  createService(request: ServiceRequest): Promise<ServiceDetail>;
  /**
   * Changes what `change` names, and nothing else.
   * @throws {InvalidArgument} {NotFound} {Unavailable} as createService.
   * @throws {Conflict} when labels decide what is to be changed.
   */
  updateService(network: string, name: string, change: ServiceChange): Promise<ServiceDetail>;
  /**
   * Removes a service made by hand, and frees its addresses; what it was.
   * @throws {NotFound} {Unavailable} as createService.
   * @throws {Conflict} when containers declare it.
   */
  removeService(network: string, name: string): Promise<ServiceDetail>;
  /**
   * What weft's own table answers.
   * @throws {InvalidArgument} when the type does not fit an address.
   * @throws {NotFound} {Conflict} when the network is none, or several.
   */
  resolve(query: DnsQuery): Promise<DnsAnswer>;
}
