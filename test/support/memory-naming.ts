import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingChange, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend, Service } from '../../core/service.ts';

/** Services as they are set. */
export class MemoryNaming implements NamingView {
  readonly #services = new Map<string, Map<string, ServiceRecord>>();
  readonly #backends = new WeakMap<ServiceRecord, readonly Backend[]>();
  readonly #listeners = new Set<(changes: readonly NamingChange[]) => void>();

  set(service: Service & Pick<ServiceRecord, 'select'>, backends: readonly Backend[]): void {
    const record: ServiceRecord = { ...service, origin: 'api', createdAt: 0 };
    const services = this.#services.get(service.network) ?? new Map<string, ServiceRecord>();
    this.#services.set(service.network, services.set(service.name, record));
    this.#backends.set(
      record,
      backends.toSorted((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
    );
    this.#tell(service.network, service.name);
  }

  remove(network: string, name: string): void {
    this.#services.get(network)?.delete(name);
    this.#tell(network, name);
  }

  networks(): Iterable<string> {
    return this.#services.keys();
  }

  names(): Iterable<NameRecord> {
    return [];
  }

  name(_network: string, _endpoint: EndpointId): undefined {
    return undefined;
  }

  services(network: string): Iterable<ServiceRecord> {
    return this.#services.get(network)?.values() ?? [];
  }

  service(network: string, name: string): ServiceRecord | undefined {
    return this.#services.get(network)?.get(name);
  }

  backends(service: ServiceRecord): readonly Backend[] {
    return this.#backends.get(service) ?? [];
  }

  subscribe(listener: (changes: readonly NamingChange[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(network: string, name: string): void {
    for (const listener of this.#listeners) listener([{ kind: 'service', network, name }]);
  }
}
