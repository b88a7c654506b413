import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingChange, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';

/** What a host tells of an endpoint: of network `net`, on host h1, ready. */
export function aNameRecord(
  change: Partial<NameRecord> & Pick<NameRecord, 'endpoint' | 'names'>,
): NameRecord {
  const place = { network: 'net', networkName: 'app', node: 'h1', container: 'cc'.repeat(32) };
  return { ...place, state: 'ready', declaredAt: 1, ...change };
}

/** Names and services in memory. Backends are who declares a service, and who has the name that it selects. */
export class MemoryNames implements NamingView {
  readonly #names = new Map<string, Map<EndpointId, NameRecord>>();
  readonly #services = new Map<string, Map<string, ServiceRecord>>();
  readonly #listeners = new Set<(changes: readonly NamingChange[]) => void>();

  putName(record: NameRecord): void {
    const of = this.#names.get(record.network) ?? new Map<EndpointId, NameRecord>();
    this.#names.set(record.network, of.set(record.endpoint, record));
    this.#tell({ kind: 'name', network: record.network, endpoint: record.endpoint }, record);
  }

  dropName(network: string, endpoint: EndpointId): void {
    const record = this.name(network, endpoint);
    this.#names.get(network)?.delete(endpoint);
    if (record !== undefined) this.#tell({ kind: 'name', network, endpoint }, record);
  }

  putService(record: ServiceRecord): void {
    const { network, name } = record;
    const of = this.#services.get(network) ?? new Map<string, ServiceRecord>();
    this.#services.set(network, of.set(name, record));
    this.#tell({ kind: 'service', network, name });
  }

  dropService(network: string, name: string): void {
    this.#services.get(network)?.delete(name);
    this.#tell({ kind: 'service', network, name });
  }

  networks(): Iterable<string> {
    return new Set([...this.#names.keys(), ...this.#services.keys()]);
  }

  names(network: string): Iterable<NameRecord> {
    return this.#names.get(network)?.values() ?? [];
  }

  name(network: string, endpoint: EndpointId): NameRecord | undefined {
    return this.#names.get(network)?.get(endpoint);
  }

  services(network: string): Iterable<ServiceRecord> {
    return this.#services.get(network)?.values() ?? [];
  }

  service(network: string, name: string): ServiceRecord | undefined {
    return this.#services.get(network)?.get(name);
  }

  backends({ network, name, select, weights = {} }: ServiceRecord): readonly Backend[] {
    return [...this.names(network)]
      .filter(({ service, names }) => service?.service === name || (select && names.includes(select)))
      .sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1))
      .map(({ endpoint, node, ipv4, ipv6, state, names: [own = ''], service }): Backend => {
        const weight = weights[endpoint] ?? weights[own] ?? service?.weight ?? 1;
        return { endpoint, node, state, weight, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
      });
  }

  subscribe(listener: (changes: readonly NamingChange[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** A service changes with its backends. */
  #tell(change: NamingChange, record?: NameRecord): void {
    const changes = [change];
    for (const { network, name, select } of record === undefined ? [] : this.services(record.network)) {
      const concerned = record?.service?.service === name || (select && record?.names.includes(select));
      if (concerned) changes.push({ kind: 'service', network, name });
    }
    for (const listener of this.#listeners) listener(changes);
  }
}
