import type { ServiceRecord } from '../../core/naming.ts';
import type { Backend, Service } from '../../core/service.ts';
import { MemoryNames } from '../fakes/memory-names.ts';

/** Services whose backends are those that a test gives them, whatever has a name. */
export class GivenServices extends MemoryNames {
  readonly #backends = new WeakMap<ServiceRecord, readonly Backend[]>();

  set(service: Service & Pick<ServiceRecord, 'select'>, backends: readonly Backend[]): void {
    const record: ServiceRecord = { ...service, origin: 'api', createdAt: 0 };
    this.#backends.set(
      record,
      backends.toSorted((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
    );
    this.putService(record);
  }

  override backends(service: ServiceRecord): readonly Backend[] {
    return this.#backends.get(service) ?? [];
  }
}
