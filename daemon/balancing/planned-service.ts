import { type Counted, picksOf, planService } from '../../balancer/index.ts';
import { type ElementObject, hostState, type ObjectKey } from '../../core/kernel-objects.ts';
import type { NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';

/** A service with what every namespace that reaches it needs. Another object when anything of it is different. */
export interface PlannedService {
  readonly service: ServiceRecord;
  readonly backends: readonly Backend[];
  readonly elements: ReadonlyMap<ObjectKey, ElementObject>;
  /** The chains its elements lead to. */
  readonly picks: readonly string[];
}

/** What a plan follows from. */
export type ServicesView = Pick<NamingView, 'services' | 'service' | 'backends'>;

/**
 * Services as somebody sees them who cannot reach all backends: the others take no connections of his, but belong to
 * the service as ever.
 */
export function servicesWithin(naming: ServicesView, reaches: (backend: Backend) => boolean): ServicesView {
  return {
    services: (network) => naming.services(network),
    service: (network, name) => naming.service(network, name),
    backends: (service) =>
      naming
        .backends(service)
        .map((backend) =>
          backend.state === 'ready' && !reaches(backend) ? { ...backend, state: 'draining' } : backend,
        ),
  };
}

/** Services as planned, by network; a service is planned once however many namespaces reach it. */
export class ServiceBook {
  readonly #naming: ServicesView;
  readonly #counted: Counted;
  readonly #networks = new Map<string, Map<string, PlannedService>>();

  constructor(naming: ServicesView, counted: Counted) {
    this.#naming = naming;
    this.#counted = counted;
  }

  /** The services of a network; read when it is first asked for. */
  of(network: string): ReadonlyMap<string, PlannedService> {
    const known = this.#networks.get(network);
    if (known !== undefined) return known;
    const services = new Map<string, PlannedService>();
    this.#networks.set(network, services);
    for (const { name } of this.#naming.services(network)) this.renew(network, name);
    return services;
  }

  /**
   * Plans a service anew.
   * @returns what it was, if it was.
   */
  renew(network: string, name: string): PlannedService | undefined {
    const services = this.#networks.get(network);
    if (services === undefined) return undefined;
    const before = services.get(name);
    const service = this.#naming.service(network, name);
    if (service === undefined) services.delete(name);
    else services.set(name, this.#plan(service));
    return before;
  }

  /** Forgets the networks that nobody reaches. */
  keepOnly(networks: ReadonlySet<string>): void {
    for (const network of this.#networks.keys()) if (!networks.has(network)) this.#networks.delete(network);
  }

  #plan(service: ServiceRecord): PlannedService {
    const backends = this.#naming.backends(service);
    const elements = planService(service, backends, this.#counted);
    return {
      service,
      backends,
      elements: hostState(elements) as ReadonlyMap<ObjectKey, ElementObject>,
      picks: [...new Set(picksOf(elements))],
    };
  }
}
