import type { Ip } from '../../core/address.ts';
import { AlreadyExists, Conflict, NotFound } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { NamingSource, NewService, ServiceSettings } from '../../daemon/views/names-ports.ts';
import { NameTable } from '../../discovery/index.ts';
import { MemoryNames } from './memory-names.ts';

/** Names and services in memory, with the table that answers queries, and changes by hand. */
export class MemoryNaming extends MemoryNames implements NamingSource {
  readonly table = new NameTable();
  problems: readonly string[] = [];
  #nextHost = 200;

  get view(): NamingView {
    return this;
  }

  override putName(record: NameRecord): void {
    const { declaredAt: _, container: __, state, service, ...shared } = record;
    const backendOf = service && { name: service.service, ports: service.ports };
    this.table.putEndpoint({
      ...shared,
      ready: state === 'ready',
      ...(backendOf && { service: backendOf }),
    });
    super.putName(record);
  }

  override dropName(network: string, endpoint: EndpointId): void {
    this.table.dropEndpoint(endpoint);
    super.dropName(network, endpoint);
  }

  override putService(record: ServiceRecord): void {
    const { network, name, vip4, vip6, ports } = record;
    this.table.putService({ network, name, ports, ...(vip4 && { vip4 }), ...(vip6 && { vip6 }) });
    super.putService(record);
  }

  override dropService(network: string, name: string): void {
    this.table.dropService(network, name);
    super.dropService(network, name);
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
}
