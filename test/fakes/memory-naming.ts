import type { Ip } from '../../core/address.ts';
import { AlreadyExists, Conflict, NotFound } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingChange, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';
import type { NamingSource, NewService, ServiceSettings } from '../../daemon/views/names-ports.ts';
import { NameTable } from '../../discovery/index.ts';

/** What a host tells of an endpoint: of network `net`, on host h1, ready. */
export function aNameRecord(
  change: Partial<NameRecord> & Pick<NameRecord, 'endpoint' | 'names'>,
): NameRecord {
  const place = { network: 'net', networkName: 'app', node: 'h1', container: 'cc'.repeat(32) };
  return { ...place, state: 'ready', declaredAt: 1, ...change };
}

/** Names and services in memory. Backends are who declares a service, and who has the name that it selects. */
export class MemoryNaming implements NamingSource, NamingView {
  readonly table = new NameTable();
  problems: readonly string[] = [];
  readonly #names = new Map<string, Map<EndpointId, NameRecord>>();
  readonly #services = new Map<string, Map<string, ServiceRecord>>();
  readonly #listeners = new Set<(changes: readonly NamingChange[]) => void>();
  #nextHost = 200;

  get view(): NamingView {
    return this;
  }

  putName(record: NameRecord): void {
    const of = this.#names.get(record.network) ?? new Map<EndpointId, NameRecord>();
    this.#names.set(record.network, of.set(record.endpoint, record));
    const { declaredAt: _, container: __, state, service, ...shared } = record;
    const backendOf = service && { name: service.service, ports: service.ports };
    this.table.putEndpoint({
      ...shared,
      ready: state === 'ready',
      ...(backendOf && { service: backendOf }),
    });
    this.#tell({ kind: 'name', network: record.network, endpoint: record.endpoint }, record);
  }

  dropName(network: string, endpoint: EndpointId): void {
    const record = this.name(network, endpoint);
    this.#names.get(network)?.delete(endpoint);
    this.table.dropEndpoint(endpoint);
    if (record !== undefined) this.#tell({ kind: 'name', network, endpoint }, record);
  }

  putService(record: ServiceRecord): void {
    const of = this.#services.get(record.network) ?? new Map<string, ServiceRecord>();
    this.#services.set(record.network, of.set(record.name, record));
    const { network, name, vip4, vip6, ports } = record;
    this.table.putService({ network, name, ports, ...(vip4 && { vip4 }), ...(vip6 && { vip6 }) });
    this.#tell({ kind: 'service', network, name });
  }

  dropService(network: string, name: string): void {
    this.#services.get(network)?.delete(name);
    this.table.dropService(network, name);
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

  async createService({ network, name, ...settings }: NewService): Promise<ServiceRecord> {
    if (this.service(network, name) !== undefined) {
      throw new AlreadyExists(`network ${network} has a service ${name} already`, { service: name });
    }
    const vip4 = `198.18.0.${this.#nextHost++}` as Ip;
    this.putService({ network, name, vip4, ports: [], ...settings, origin: 'api', createdAt: 1000 });
    return this.#existing(network, name);
  }

  async updateService(network: string, name: string, change: ServiceSettings): Promise<ServiceRecord> {
    const { ports, affinity, health, select, weights, ...rest } = this.#existing(network, name);
    const declared = rest.origin === 'label' && change.ports !== undefined;
    if (declared) throw new Conflict(`ports of service ${name} cannot be set by hand`, { service: name });
    const next = { ports, affinity, health, select, ...change };
    const weighed = Object.entries({ ...weights, ...change.weights }).filter(([, weight]) => weight !== null);
    this.putService({
      ...rest,
      ports: next.ports,
      ...(next.affinity && { affinity: next.affinity }),
      ...(next.health && { health: next.health }),
      ...(next.select && { select: next.select }),
      ...(weighed.length > 0 && { weights: Object.fromEntries(weighed) as Record<string, number> }),
    });
    return this.#existing(network, name);
  }

  async removeService(network: string, name: string): Promise<void> {
    if (this.#existing(network, name).origin === 'label') {
      throw new Conflict(`service ${name} is declared by its containers`, { service: name });
    }
    this.dropService(network, name);
  }

  #existing(network: string, name: string): ServiceRecord {
    const service = this.service(network, name);
    if (service === undefined) throw new NotFound(`there is no service ${name}`, { service: name });
    return service;
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
