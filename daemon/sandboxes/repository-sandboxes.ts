import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { networkKey, type Sandboxes, type SandboxView } from '../../core/naming.ts';
import type { OwnerId, Repository } from '../state/index.ts';

/** The sandboxes that endpoints have joined, kept up with the repository change by change. */
export class RepositorySandboxes implements Sandboxes, Disposable {
  readonly #repository: Repository;
  readonly #members = new Map<SandboxKey, Map<EndpointId, Endpoint>>();
  readonly #joined = new Map<EndpointId, SandboxKey>();
  readonly #views = new Map<SandboxKey, SandboxView>();
  readonly #listeners = new Set<(changed: ReadonlySet<SandboxKey>) => void>();
  readonly #observing: Disposable;

  constructor(repository: Repository) {
    this.#repository = repository;
    this.#observing = repository.observe({
      put: (record) => this.#put(record),
      drop: (owner) => this.#drop(owner),
    });
  }

  all(): Iterable<SandboxView> {
    return this.#views.values();
  }

  get(key: SandboxKey): SandboxView | undefined {
    return this.#views.get(key);
  }

  subscribe(listener: (changed: ReadonlySet<SandboxKey>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Keys of this host's networks, with sandboxes or without, of which this is true. */
  networks(isMeant: (network: Network) => boolean): readonly string[] {
    return [...this.#repository.networks()].filter(isMeant).flatMap((network) => networkKey(network) ?? []);
  }

  [Symbol.dispose](): void {
    this.#observing[Symbol.dispose]();
    this.#listeners.clear();
  }

  #put(record: Network | Endpoint): void {
    if ('driver' in record) {
      const joined = this.#repository.endpointsOf(record.request.id);
      this.#refresh(joined.flatMap(({ attachment }) => attachment?.sandboxKey ?? []));
      return;
    }
    const { id } = record.request;
    const before = this.#joined.get(id);
    const now = record.attachment?.sandboxKey;
    if (before !== undefined && before !== now) this.#remove(id, before);
    if (now !== undefined) {
      this.#joined.set(id, now);
      const members = this.#members.get(now) ?? new Map<EndpointId, Endpoint>();
      this.#members.set(now, members.set(id, record));
    }
    this.#refresh([before, now]);
  }

  #drop(owner: OwnerId): void {
    // Of a network there is nothing left once its endpoints are dropped.
    const id = owner as EndpointId;
    const before = this.#joined.get(id);
    if (before !== undefined) this.#remove(id, before);
    this.#refresh([before]);
  }

  #remove(id: EndpointId, key: SandboxKey): void {
    this.#joined.delete(id);
    const members = this.#members.get(key);
    members?.delete(id);
    if (members?.size === 0) this.#members.delete(key);
  }

  #refresh(keys: readonly (SandboxKey | undefined)[]): void {
    const changed = new Set(keys.filter((key) => key !== undefined).filter((key) => this.#renew(key)));
    if (changed.size > 0) for (const listener of this.#listeners) listener(changed);
  }

  /** @returns whether its view is another one now. */
  #renew(key: SandboxKey): boolean {
    const members = this.#members.get(key);
    if (members === undefined) return this.#views.delete(key);
    const was = this.#views.get(key);
    const view = this.#view(key, [...members.values()]);
    if (was !== undefined && text(was) === text(view)) return false;
    this.#views.set(key, view);
    return true;
  }

  #view(key: SandboxKey, members: readonly Endpoint[]): SandboxView {
    // An endpoint is made right before it joins.
    const inOrder = members.toSorted((a, b) => a.createdAt - b.createdAt);
    const networks = inOrder.flatMap(({ request }) => {
      const network = this.#repository.network(request.networkId);
      return network === undefined ? [] : (networkKey(network) ?? []);
    });
    return { key, networks: [...new Set(networks)], endpoints: inOrder.map(({ request }) => request.id) };
  }
}

function text({ networks, endpoints }: SandboxView): string {
  return `${networks} ${endpoints}`;
}
