import { CLUSTER_KEYS, type RemoteEndpoint } from '../../core/cluster.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import type { SharedView } from '../../core/ports.ts';
import type { Repository } from '../state/index.ts';
import type { Log } from './log.ts';
import { RecordPublisher } from './record-publisher.ts';
import { encodeClusterRecord, keys } from './records.ts';

export interface EndpointPublisherParts {
  readonly shared: SharedView;
  readonly repository: Repository;
  readonly node: string;
  /** False while this host must not speak in the cluster. */
  readonly mayPublish: () => boolean;
  readonly log: Log;
}

/** Tells the other hosts of this one's endpoints. What is told follows what is stored. */
export class EndpointPublisher implements AsyncDisposable {
  readonly #parts: EndpointPublisherParts;
  readonly #records: RecordPublisher;
  readonly #keys = new Map<string, string>();
  readonly #observing: Disposable;

  constructor(parts: EndpointPublisherParts) {
    this.#parts = parts;
    this.#records = new RecordPublisher({
      ...parts,
      prefix: CLUSTER_KEYS.endpoint,
      isOwn: (key) => nodeOf(key) === parts.node,
      of: 'endpoints',
    });
    this.#observing = parts.repository.observe({
      put: (record) => this.#put(record),
      drop: (id) => this.#drop(id),
    });
    this.compare();
  }

  /** Compares all of this host's endpoints with what the others are told. */
  compare(): void {
    this.#records.compare();
  }

  /** Resolves when what was to be told has been told or has failed. */
  async settled(): Promise<void> {
    await this.#records.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#observing[Symbol.dispose]();
    await this.#records[Symbol.asyncDispose]();
  }

  #put(record: Network | Endpoint): void {
    if ('driver' in record) {
      // The network may have been bound to the cluster, or to another definition, just now.
      if (record.driver !== 'weft-overlay') return;
      for (const endpoint of this.#parts.repository.endpointsOf(record.request.id))
        this.#putEndpoint(endpoint);
    } else this.#putEndpoint(record);
  }

  #putEndpoint(endpoint: Endpoint): void {
    const { repository, node } = this.#parts;
    const { id, networkId, ipv4, ipv6 } = endpoint.request;
    const name = repository.network(networkId)?.tunnel?.name;
    if (name === undefined || endpoint.attachment === undefined) {
      this.#drop(id);
      return;
    }
    const key = keys.endpoint(name, node, id);
    if (this.#keys.get(id) !== key) this.#drop(id);
    const remote: RemoteEndpoint = {
      id,
      network: name,
      node,
      mac: endpoint.mac,
      ...(ipv4 === undefined ? {} : { ipv4: ipv4.ip }),
      ...(ipv6 === undefined ? {} : { ipv6: ipv6.ip }),
    };
    this.#keys.set(id, key);
    this.#records.want(key, encodeClusterRecord('endpoint', remote));
  }

  #drop(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) return;
    this.#keys.delete(id);
    this.#records.unwant(key);
  }
}

/** `endpoint/NAME/NODE/ID` → NODE; the same for other records of that form. */
export function nodeOf(key: string): string | undefined {
  return key.split('/')[2];
}
