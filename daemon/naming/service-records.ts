import { DecodeError } from '../../core/errors.ts';
import type { Network } from '../../core/model.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { SharedView } from '../../core/ports.ts';
import { isClusterNetwork } from './network-key.ts';
import { decodeService, encodeNaming, namingKeys } from './records.ts';

/** A service as a store has it. */
export interface StoredService {
  /** Undefined: it cannot be read. */
  readonly record: ServiceRecord | undefined;
  readonly revision: bigint;
  readonly store: SharedView;
}

/** The records of services in the cluster's store and in this host's own, changed by compare-and-swap. */
export class ServiceRecords {
  readonly #shared: SharedView;
  readonly #host: SharedView;

  constructor(shared: SharedView, host: SharedView) {
    this.#shared = shared;
    this.#host = host;
  }

  /** Where the services of a network are. */
  storeOf(network: Network): SharedView {
    return isClusterNetwork(network) ? this.#shared : this.#host;
  }

  isShared(store: SharedView): boolean {
    return store === this.#shared;
  }

  find(network: string, name: string): StoredService | undefined {
    const key = namingKeys.service(network, name);
    for (const store of [this.#shared, this.#host]) {
      const entry = store.get(key);
      if (entry === undefined) continue;
      try {
        return { record: decodeService(entry), revision: entry.revision, store };
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        return { record: undefined, revision: entry.revision, store };
      }
    }
    return undefined;
  }

  /**
   * @param revision of the record that this one replaces; 0 when there must be none.
   * @throws {Conflict} when the record is another by now. {Unavailable}
   */
  async put(store: SharedView, record: ServiceRecord, revision: bigint): Promise<void> {
    const key = namingKeys.service(record.network, record.name);
    await store.commit({ expect: [{ key, revision }], put: [{ key, value: encodeNaming(record) }] });
  }

  /** @throws {Conflict} when the record is another by now. {Unavailable} */
  async remove({ store, revision }: StoredService, network: string, name: string): Promise<void> {
    const key = namingKeys.service(network, name);
    await store.commit({ expect: [{ key, revision }], delete: [key] });
  }
}
