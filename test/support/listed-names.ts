import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingChange, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';

/** Names and services as a list that a test changes. */
export class ListedNames implements NamingView {
  readonly #names = new Map<EndpointId, NameRecord>();
  readonly #services = new Map<string, ServiceRecord>();
  readonly #listeners = new Set<(changes: readonly NamingChange[]) => void>();

  put(record: NameRecord): void {
    this.#names.set(record.endpoint, record);
    this.#tell({ kind: 'name', network: record.network, endpoint: record.endpoint });
  }

  remove(endpoint: EndpointId): void {
    const record = this.#names.get(endpoint);
    this.#names.delete(endpoint);
    if (record !== undefined) this.#tell({ kind: 'name', network: record.network, endpoint });
  }

  putService(service: ServiceRecord): void {
    this.#services.set(`${service.network} ${service.name}`, service);
    this.#tell({ kind: 'service', network: service.network, name: service.name });
  }

  networks(): Iterable<string> {
    return new Set([...this.#names.values(), ...this.#services.values()].map(({ network }) => network));
  }

  names(network: string): Iterable<NameRecord> {
    return [...this.#names.values()].filter((each) => each.network === network);
  }

  name(network: string, endpoint: EndpointId): NameRecord | undefined {
    const record = this.#names.get(endpoint);
    return record?.network === network ? record : undefined;
  }

  services(network: string): Iterable<ServiceRecord> {
    return [...this.#services.values()].filter((each) => each.network === network);
  }

  service(network: string, name: string): ServiceRecord | undefined {
    return this.#services.get(`${network} ${name}`);
  }

  backends({ network, name, select }: ServiceRecord): readonly Backend[] {
    return [...this.names(network)]
      .filter(({ service, names }) => service?.service === name || names.includes(select ?? '/'))
      .map(({ endpoint, node, state }) => ({ endpoint, node, weight: 1, state }));
  }

  subscribe(listener: (changes: readonly NamingChange[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(change: NamingChange): void {
    for (const listener of this.#listeners) listener([change]);
  }
}

/** A name record of an endpoint that is ready, on `net`, unless told otherwise. */
export function aName(id: string, names: readonly string[], more: Partial<NameRecord> = {}): NameRecord {
  const base = {
    network: 'net-id',
    networkName: 'net',
    node: 'a',
    container: id,
    state: 'ready',
    declaredAt: 0,
  };
  return { ...base, endpoint: id as EndpointId, names, ...more } as NameRecord;
}
