import { creations, diff } from '../../core/diff.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import type { IfName } from '../../core/ids.ts';
import {
  hostState,
  type KernelObject,
  keyOf,
  type LinkObject,
  type ObjectKey,
} from '../../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network } from '../../core/model.ts';
import type { Step } from '../../core/ports.ts';
import type { OwnerId, Repository } from '../state/index.ts';

/** An object that intent requires, and whose it is; host-wide objects are nobody's. */
export interface Wanted {
  readonly key: ObjectKey;
  readonly object: KernelObject;
  readonly owner?: OwnerId;
  /** What it is wanted because of: a network, an endpoint, something outside the repository. */
  readonly source?: string;
}

/** Everything intent requires of the kernel, kept up with the repository change by change. */
export class DesiredState {
  readonly #repository: Repository;
  readonly #drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly #wanted = new Map<ObjectKey, Wanted>();
  readonly #keys = new Map<string, readonly ObjectKey[]>();
  /** Names of links that intent requires, by the device that they stand on. */
  readonly #children = new Map<string, Set<string>>();
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

  /** Names of the links that intent requires on a device, and of those on them, in that order. */
  standingOn(dev: string): readonly string[] {
    const children = this.#children.get(dev);
    return children === undefined ? [] : [...children].flatMap((name) => [name, ...this.standingOn(name)]);
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

  /**
   * Replaces what is wanted because of something outside the repository, such as an endpoint of another host.
   * @param source names that thing.
   * @param owner whose changes the objects wait for.
   * @returns the steps that make the kernel follow, if it is as it was wanted before.
   */
  setForeign(source: string, owner: OwnerId, objects: readonly KernelObject[]): readonly Step[] {
    const before = new Map<ObjectKey, KernelObject>();
    const had = this.#keys.get(source) ?? [];
    for (const key of had) {
      const was = this.#wanted.get(key);
      if (was?.source === source) before.set(key, was.object);
    }
    const keys = objects.map(keyOf);
    // Another source may have wanted the same thing otherwise, as when a container moves between two hosts.
    for (const key of keys) {
      const was = this.#wanted.get(key);
      if (was !== undefined) before.set(key, was.object);
    }
    this.#set(source, owner, objects, keys);
    return before.size === 0 ? creations(objects) : diff(hostState(objects), before);
  }

  #put(record: Network | Endpoint): void {
    this.#set(record.request.id, record.request.id, this.#plan(record));
  }

  #drop(owner: OwnerId): void {
    this.#set(owner, owner, []);
  }

  #set(
    source: string,
    owner: OwnerId,
    objects: readonly KernelObject[],
    keys: readonly ObjectKey[] = objects.map(keyOf),
  ): void {
    for (const key of this.#keys.get(source) ?? []) {
      if (this.#wanted.get(key)?.source !== source) continue;
      if (this.#passOn(key, source)) continue;
      this.#forget(key);
      this.#leaving.set(key, owner);
    }
    for (const [i, object] of objects.entries()) {
      const key = keys[i] as ObjectKey;
      this.#want({ key, object, owner, source });
      this.#leaving.delete(key);
    }
    if (keys.length === 0) this.#keys.delete(source);
    else this.#keys.set(source, keys);
  }

  #want(wanted: Wanted): void {
    const { key, object } = wanted;
    this.#wanted.set(key, wanted);
    if (object.kind !== 'link' || !('parent' in object)) return;
    const children = this.#children.get(object.parent) ?? new Set();
    this.#children.set(object.parent, children.add(object.name));
  }

  #forget(key: ObjectKey): void {
    const object = this.#wanted.get(key)?.object;
    this.#wanted.delete(key);
    if (object?.kind !== 'link' || !('parent' in object)) return;
    const children = this.#children.get(object.parent);
    children?.delete(object.name);
    if (children?.size === 0) this.#children.delete(object.parent);
  }

  /** Networks share a VLAN sub-interface: where another wants it, it is that one's from now on. */
  #passOn(key: ObjectKey, from: string): boolean {
    const wanted = this.#wanted.get(key);
    if (wanted?.object.kind !== 'link' || wanted.object.type !== 'vlan') return false;
    for (const { request } of this.#repository.networks()) {
      const source = request.id;
      if (source === from || this.#keys.get(source)?.includes(key) !== true) continue;
      this.#wanted.set(key, { ...wanted, owner: source, source });
      return true;
    }
    return false;
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
    case 'shortcut':
      return undefined;
  }
}
