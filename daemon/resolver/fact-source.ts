import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { BackendOf, NameRecord, NamingView, Sandboxes, ServiceRecord } from '../../core/naming.ts';
import { type FactChange, type FactKey, keyOf, type UpstreamServer } from '../../discovery/index.ts';

export interface FactSourceParts {
  readonly naming: NamingView;
  readonly sandboxes: Sandboxes;
  /** How long clients may keep names of a network, in seconds; undefined: the default. */
  readonly ttlOf: (network: string) => number | undefined;
  /** Resolvers that a sandbox asks for other names, in order of trust. */
  readonly serversOf: (key: SandboxKey) => readonly UpstreamServer[];
}

/** A fact that is other than it was; what it is now is found out when it is told. */
export interface Dirty {
  readonly key: FactKey;
  readonly now: () => FactChange;
}

/** What the resolver process has to know, out of what weftd knows. */
export class FactSource implements Disposable {
  readonly #parts: FactSourceParts;
  readonly #stack = new DisposableStack();
  readonly #listeners = new Set<(dirty: readonly Dirty[]) => void>();
  /** Services that choose their backends by name, with those they have: an endpoint does not say so itself. */
  readonly #chosen = new Map<FactKey, ReadonlySet<EndpointId>>();
  readonly #chosenBy = new Map<EndpointId, BackendOf>();

  constructor(parts: FactSourceParts) {
    this.#parts = parts;
    const { naming, sandboxes } = parts;
    for (const network of naming.networks()) {
      for (const service of naming.services(network)) this.#choose(network, service.name);
    }
    this.#stack.use(
      naming.subscribe((changes) =>
        this.#tell(
          changes.flatMap((change) =>
            change.kind === 'name'
              ? [this.#ttl(change.network), this.#endpoint(change.network, change.endpoint)]
              : [
                  this.#ttl(change.network),
                  this.#service(change.network, change.name),
                  ...this.#choose(change.network, change.name),
                ],
          ),
        ),
      ),
    );
    this.#stack.use(
      sandboxes.subscribe((changed) => this.#tell([...changed].map((key) => this.#sandbox(key)))),
    );
  }

  /** Everything, names before the sandboxes that ask for them. Changes meanwhile may be in it or not. */
  *all(): Generator<FactChange> {
    const { naming, sandboxes } = this.#parts;
    for (const network of naming.networks()) {
      if (this.#parts.ttlOf(network) !== undefined) yield this.#ttl(network).now();
      for (const { endpoint } of naming.names(network)) yield this.#endpoint(network, endpoint).now();
      for (const { name } of naming.services(network)) yield this.#service(network, name).now();
    }
    for (const { key } of sandboxes.all()) yield this.#sandbox(key).now();
  }

  /** The settings of a network or the resolvers of a sandbox have changed. */
  changed(what: { readonly network: string } | { readonly sandbox: SandboxKey }): void {
    this.#tell(['network' in what ? this.#ttl(what.network) : this.#sandbox(what.sandbox)]);
  }

  subscribe(listener: (dirty: readonly Dirty[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
    this.#listeners.clear();
  }

  #tell(dirty: readonly Dirty[]): void {
    for (const listener of this.#listeners) listener(dirty);
  }

  #ttl(network: string): Dirty {
    const key = keyOf.ttl(network);
    const now = (): FactChange => {
      const seconds = this.#parts.ttlOf(network);
      return seconds === undefined
        ? { op: 'drop', key }
        : { op: 'put', fact: { kind: 'ttl', network, seconds } };
    };
    return { key, now };
  }

  #endpoint(network: string, id: EndpointId): Dirty {
    const key = keyOf.endpoint(id);
    const now = (): FactChange => {
      const record = this.#parts.naming.name(network, id);
      if (record === undefined) return { op: 'drop', key };
      const service = backendOf(record) ?? this.#chosenBy.get(id);
      const { endpoint, networkName, node, names, ipv4, ipv6, state } = record;
      return {
        op: 'put',
        fact: {
          kind: 'endpoint',
          endpoint: {
            endpoint,
            network,
            networkName,
            node,
            names,
            ready: state === 'ready',
            ...(ipv4 === undefined ? {} : { ipv4 }),
            ...(ipv6 === undefined ? {} : { ipv6 }),
            ...(service === undefined ? {} : { service }),
          },
        },
      };
    };
    return { key, now };
  }

  #service(network: string, name: string): Dirty {
    const key = keyOf.service(network, name);
    const now = (): FactChange => {
      const record = this.#parts.naming.service(network, name);
      if (record === undefined) return { op: 'drop', key };
      const { vip4, vip6, ports } = record;
      return {
        op: 'put',
        fact: {
          kind: 'service',
          service: {
            network,
            name,
            ports,
            ...(vip4 === undefined ? {} : { vip4 }),
            ...(vip6 === undefined ? {} : { vip6 }),
          },
        },
      };
    };
    return { key, now };
  }

  #sandbox(key: SandboxKey): Dirty {
    const factKey = keyOf.sandbox(key);
    const now = (): FactChange => {
      const sandbox = this.#parts.sandboxes.get(key);
      if (sandbox === undefined) return { op: 'drop', key: factKey };
      const { networks } = sandbox;
      return {
        op: 'put',
        fact: { kind: 'sandbox', sandbox: { key, networks, servers: this.#parts.serversOf(key) } },
      };
    };
    return { key: factKey, now };
  }

  /** Endpoints that a service has chosen, or chooses no longer. */
  #choose(network: string, name: string): readonly Dirty[] {
    const { naming } = this.#parts;
    const key = keyOf.service(network, name);
    const service = naming.service(network, name);
    const before = this.#chosen.get(key) ?? new Set();
    const chosen = service?.select === undefined ? new Set<EndpointId>() : backendsOf(naming, service);
    if (chosen.size === 0) this.#chosen.delete(key);
    else this.#chosen.set(key, chosen);
    for (const id of before) this.#chosenBy.delete(id);
    if (service !== undefined) {
      for (const id of chosen) this.#chosenBy.set(id, { name, ports: service.ports });
    }
    return [...before.union(chosen)].map((id) => this.#endpoint(network, id));
  }
}

function backendsOf(naming: NamingView, service: ServiceRecord): ReadonlySet<EndpointId> {
  return new Set(naming.backends(service).map(({ endpoint }) => endpoint));
}

function backendOf({ service }: NameRecord): BackendOf | undefined {
  return service === undefined ? undefined : { name: service.service, ports: service.ports };
}
