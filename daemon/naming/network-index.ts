import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, ServiceRecord } from '../../core/naming.ts';

/** The names and services of one network, found by what others refer to them by. */
export class NetworkIndex {
  readonly names = new Map<EndpointId, NameRecord>();
  readonly services = new Map<string, ServiceRecord>();
  readonly #byName = new SetMap<EndpointId>();
  readonly #byService = new SetMap<EndpointId>();
  /** Services by the name that they select. */
  readonly #selecting = new SetMap<string>();

  get isEmpty(): boolean {
    return this.names.size === 0 && this.services.size === 0;
  }

  /** @returns the services whose backends are others now. */
  setName(endpoint: EndpointId, record: NameRecord | undefined): ReadonlySet<string> {
    const before = this.names.get(endpoint);
    const affected = new Set<string>();
    if (before !== undefined) {
      this.#concerned(before, affected);
      for (const name of before.names) this.#byName.delete(name, endpoint);
      if (before.service !== undefined) this.#byService.delete(before.service.service, endpoint);
      this.names.delete(endpoint);
    }
    if (record !== undefined) {
      this.names.set(endpoint, record);
      for (const name of record.names) this.#byName.add(name, endpoint);
      if (record.service !== undefined) this.#byService.add(record.service.service, endpoint);
      this.#concerned(record, affected);
    }
    return affected;
  }

  setService(name: string, record: ServiceRecord | undefined): void {
    const before = this.services.get(name);
    if (before?.select !== undefined) this.#selecting.delete(before.select, name);
    if (record === undefined) this.services.delete(name);
    else {
      this.services.set(name, record);
      if (record.select !== undefined) this.#selecting.add(record.select, name);
    }
  }

  /** Endpoints that declare a service. */
  declaring(service: string): ReadonlySet<EndpointId> {
    return this.#byService.get(service);
  }

  /** Endpoints that have a name. */
  named(name: string): ReadonlySet<EndpointId> {
    return this.#byName.get(name);
  }

  /** Services that endpoints declare, whether they have a record or not. */
  declared(): Iterable<string> {
    return this.#byService.keys();
  }

  /** Services whose backends include endpoints by one of these names. */
  selecting(names: readonly string[]): readonly string[] {
    return names.flatMap((name) => [...this.#selecting.get(name)]);
  }

  #concerned({ names, service }: NameRecord, into: Set<string>): void {
    if (service !== undefined) into.add(service.service);
    for (const each of names) for (const name of this.#selecting.get(each)) into.add(name);
  }
}

const NOTHING: ReadonlySet<never> = new Set();

class SetMap<Value> {
  readonly #sets = new Map<string, Set<Value>>();

  get(key: string): ReadonlySet<Value> {
    return this.#sets.get(key) ?? NOTHING;
  }

  keys(): Iterable<string> {
    return this.#sets.keys();
  }

  add(key: string, value: Value): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([value]));
    else set.add(value);
  }

  delete(key: string, value: Value): void {
    const set = this.#sets.get(key);
    if (set?.delete(value) === true && set.size === 0) this.#sets.delete(key);
  }
}
