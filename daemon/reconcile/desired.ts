import type { NetworkDriver } from '../../core/driver.ts';
import type { IfName } from '../../core/ids.ts';
import { type KernelObject, keyOf, type LinkObject, type ObjectKey } from '../../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network } from '../../core/model.ts';
import type { OwnerId, Repository } from '../state/index.ts';

/** An object that intent requires, and whose it is; host-wide objects are nobody's. */
export interface Wanted {
  readonly key: ObjectKey;
  readonly object: KernelObject;
  readonly owner?: OwnerId;
}

/** Everything intent requires of the kernel, kept up with the repository change by change. */
export class DesiredState {
  readonly #repository: Repository;
  readonly #drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly #wanted = new Map<ObjectKey, Wanted>();
  readonly #keys = new Map<OwnerId, readonly ObjectKey[]>();
  /** Who stopped wanting an object; kept for as long as that change may be on its way to the kernel. */
  readonly #leaving = new Map<ObjectKey, OwnerId>();

  constructor(
    host: readonly KernelObject[],
    repository: Repository,
    drivers: ReadonlyMap<DriverName, NetworkDriver>,
  ) {
    this.#repository = repository;
    this.#drivers = drivers;
    for (const object of host) this.#wanted.set(keyOf(object), { key: keyOf(object), object });
    repository.observe({ put: (record) => this.#put(record), drop: (owner) => this.#drop(owner) });
  }

  /** Intent as of now; it changes as intent does. */
  now(): ReadonlyMap<ObjectKey, Wanted> {
    return this.#wanted;
  }

  /** Whether an object that nobody wants is about to be deleted by the change that stopped wanting it. */
  leaves(key: ObjectKey): boolean {
    const owner = this.#leaving.get(key);
    return owner !== undefined && this.#repository.inFlight(owner);
  }

  /** Forgets who stopped wanting what, where that has reached the kernel. */
  settle(): void {
    for (const [key, owner] of this.#leaving)
      if (!this.#repository.inFlight(owner)) this.#leaving.delete(key);
  }

  /** The link of that name, if intent requires one. */
  link(name: string): LinkObject | undefined {
    const object = this.#wanted.get(`link ${name}`)?.object;
    return object?.kind === 'link' ? object : undefined;
  }

  /** Bridges through which packets of the loopback network may leave. */
  *localnetBridges(): Generator<IfName> {
    for (const network of this.#repository.networks()) {
      for (const key of this.#keys.get(network.request.id) ?? []) {
        const object = this.#wanted.get(key)?.object;
        if (object?.kind === 'link' && object.type === 'bridge' && object.routeLocalnet) yield object.name;
      }
    }
  }

  #put(record: Network | Endpoint): void {
    const owner = record.request.id;
    this.#drop(owner);
    const wanted = this.#plan(record).map((object): Wanted => ({ key: keyOf(object), object, owner }));
    for (const each of wanted) {
      this.#wanted.set(each.key, each);
      this.#leaving.delete(each.key);
    }
    this.#keys.set(
      owner,
      wanted.map(({ key }) => key),
    );
  }

  #drop(owner: OwnerId): void {
    for (const key of this.#keys.get(owner) ?? []) {
      if (this.#wanted.get(key)?.owner !== owner) continue;
      this.#wanted.delete(key);
      this.#leaving.set(key, owner);
    }
    this.#keys.delete(owner);
  }

  #plan(record: Network | Endpoint): readonly KernelObject[] {
    if ('driver' in record) return this.#drivers.get(record.driver)?.planNetwork(record) ?? [];
    const network = this.#repository.network(record.request.networkId);
    const driver = network && this.#drivers.get(network.driver);
    return network === undefined || driver === undefined ? [] : driver.planEndpoint(network, record);
  }
}

/** The link an object is or lies on; undefined for objects of the whole host. */
export function deviceOf(object: KernelObject): string | undefined {
  switch (object.kind) {
    case 'link':
      return object.name;
    case 'address':
    case 'neighbour':
    case 'fdb':
    case 'route':
      return object.dev;
    case 'sysctl':
    case 'table':
    case 'element':
      return undefined;
  }
}
