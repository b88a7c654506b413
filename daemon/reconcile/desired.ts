import type { NetworkDriver } from '../../core/driver.ts';
import { type KernelObject, keyOf, type ObjectKey } from '../../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network } from '../../core/model.ts';
import type { OwnerId, Repository } from '../state/index.ts';

/** An object that intent requires, and whose it is; host-wide objects are nobody's. */
export interface Wanted {
  readonly key: ObjectKey;
  readonly object: KernelObject;
  readonly owner?: OwnerId;
}

/**
 * Everything intent requires of the kernel. Records never change, so what a plan made of one is kept with it, and a
 * new state costs one map insertion an object.
 */
export class DesiredState {
  readonly #host: readonly Wanted[];
  readonly #repository: Repository;
  readonly #drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly #plans = new WeakMap<Network | Endpoint, readonly Wanted[]>();

  constructor(
    host: readonly KernelObject[],
    repository: Repository,
    drivers: ReadonlyMap<DriverName, NetworkDriver>,
  ) {
    this.#host = host.map((object) => ({ key: keyOf(object), object }));
    this.#repository = repository;
    this.#drivers = drivers;
  }

  /** Intent as of now. */
  now(): Map<ObjectKey, Wanted> {
    const wanted = new Map<ObjectKey, Wanted>();
    for (const each of this.#host) wanted.set(each.key, each);
    for (const network of this.#repository.networks()) {
      const driver = this.#drivers.get(network.driver);
      if (driver === undefined) continue;
      for (const each of this.#planned(network, () => driver.planNetwork(network)))
        wanted.set(each.key, each);
      for (const endpoint of this.#repository.endpointsOf(network.request.id)) {
        const plan = this.#planned(endpoint, () => driver.planEndpoint(network, endpoint));
        for (const each of plan) wanted.set(each.key, each);
      }
    }
    return wanted;
  }

  #planned(record: Network | Endpoint, plan: () => readonly KernelObject[]): readonly Wanted[] {
    const known = this.#plans.get(record);
    if (known !== undefined) return known;
    const owner = record.request.id;
    const planned = plan().map((object): Wanted => ({ key: keyOf(object), object, owner }));
    this.#plans.set(record, planned);
    return planned;
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
