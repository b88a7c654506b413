import { CLUSTER_KEYS, type RemoteEndpoint } from '../../core/cluster.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import type { SharedView } from '../../core/ports.ts';
import type { Repository } from '../state/index.ts';
import type { Log } from './log.ts';
import { encodeClusterRecord, keys } from './records.ts';

/** Changes in one commit; etcd takes 128 operations. */
const IN_ONE_COMMIT = 100;
const AGAIN_MS = 500;

export interface EndpointPublisherParts {
  readonly shared: SharedView;
  readonly repository: Repository;
  readonly node: string;
  /** False while this host must not speak in the cluster. */
  readonly mayPublish: () => boolean;
  readonly log: Log;
}

/**
 * Tells the other hosts of this one's endpoints. What is told follows what is stored: a change is sent at once, and
 * after a failure, a restart or a change by others everything is compared again.
 */
export class EndpointPublisher implements AsyncDisposable {
  readonly #parts: EndpointPublisherParts;
  /** What the others should know, by key. */
  readonly #wanted = new Map<string, Uint8Array>();
  readonly #keys = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #stack = new DisposableStack();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: EndpointPublisherParts) {
    this.#parts = parts;
    this.#stack.use(
      parts.repository.observe({
        put: (record) => this.#put(record),
        drop: (id) => this.#drop(id),
      }),
    );
    this.#stack.use(
      parts.shared.subscribe((events) => {
        const mine = `/${parts.node}/`;
        for (const { entry } of events)
          if (entry.key.startsWith(CLUSTER_KEYS.endpoint) && entry.key.includes(mine)) this.#mark(entry.key);
      }),
    );
    this.compare();
  }

  /** Compares all of this host's endpoints with what the others are told. */
  compare(): void {
    const { shared, node } = this.#parts;
    for (const key of this.#wanted.keys()) this.#mark(key);
    for (const { key } of shared.entries(CLUSTER_KEYS.endpoint)) if (nodeOf(key) === node) this.#mark(key);
  }

  /** Resolves when what was to be told has been told or has failed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#stack.dispose();
    await this.#running;
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
    this.#wanted.set(key, encodeClusterRecord('endpoint', remote));
    this.#mark(key);
  }

  #drop(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) return;
    this.#keys.delete(id);
    this.#wanted.delete(key);
    this.#mark(key);
  }

  #mark(key: string): void {
    if (this.#stopped || this.#isTold(key)) return;
    this.#dirty.add(key);
    this.#start();
  }

  #isTold(key: string): boolean {
    const wanted = this.#wanted.get(key);
    const told = this.#parts.shared.get(key)?.value;
    if (wanted === undefined || told === undefined) return wanted === told && !this.#dirty.has(key);
    return Buffer.compare(wanted, told) === 0 && !this.#dirty.has(key);
  }

  #start(): void {
    this.#running ??= Promise.resolve()
      .then(() => this.#send())
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #send(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#stopped) {
      if (!this.#parts.mayPublish()) return;
      const batch = [...this.#dirty].slice(0, IN_ONE_COMMIT);
      for (const key of batch) this.#dirty.delete(key);
      const put = batch.flatMap((key) => {
        const value = this.#wanted.get(key);
        return value === undefined ? [] : [{ key, value }];
      });
      const gone = batch.filter((key) => !this.#wanted.has(key));
      try {
        await this.#parts.shared.commit({ put, delete: gone });
      } catch (error) {
        for (const key of batch) this.#dirty.add(key);
        this.#parts.log.debug({ error: errorMessage(error) }, 'endpoints not told yet');
        return this.#again();
      }
    }
  }

  #again(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, AGAIN_MS);
    this.#timer.unref();
  }
}

/** `endpoint/NAME/NODE/ID` → NODE */
export function nodeOf(key: string): string | undefined {
  return key.split('/')[2];
}
