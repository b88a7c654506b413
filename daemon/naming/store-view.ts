import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { DecodeError } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingChange, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Entry, SharedView, StoreEvent } from '../../core/ports.ts';
import type { Backend } from '../../core/service.ts';
import { backendsOf } from './backends.ts';
import type { Log } from './log.ts';
import { NetworkIndex } from './network-index.ts';
import { decodeName, decodeService, parseNamingKey } from './records.ts';

const PREFIXES = [CLUSTER_KEYS.name, CLUSTER_KEYS.service] as const;

/** Which hosts are dead. */
export interface NodeLiveness {
  isDead(node: string): boolean;
  hasLease(node: string): boolean;
  /** Calls the listener after a node has died or come back. */
  subscribe(listener: (node: string) => void): Disposable;
}

export interface StoreViewParts {
  /** The cluster's store and this host's own. */
  readonly stores: readonly SharedView[];
  readonly liveness: NodeLiveness;
  readonly log: Log;
}

/** Names and services as the stores have them, without the names of hosts that are dead; kept up change by change. */
export class StoreView implements NamingView, Disposable {
  readonly #parts: StoreViewParts;
  readonly #networks = new Map<string, NetworkIndex>();
  /** Names of hosts other than this one, dead or not, by node. */
  readonly #byNode = new Map<string, Map<string, NameRecord>>();
  /** How many probed endpoints each host has. */
  readonly #probed = new Map<string, number>();
  readonly #silent = new Set<string>();
  readonly #listeners = new Set<(changes: readonly NamingChange[]) => void>();
  readonly #stack = new DisposableStack();
  /** Records that cannot be read, by key. */
  readonly #unreadable = new Map<string, string>();

  constructor(parts: StoreViewParts) {
    this.#parts = parts;
    for (const store of parts.stores) {
      for (const prefix of PREFIXES)
        this.#hear([...store.entries(prefix)].map((entry) => ({ type: 'put', entry }) as const));
      this.#stack.use(store.subscribe((events) => this.#hear(events)));
    }
    this.#stack.use(parts.liveness.subscribe((node) => this.#nodeChanged(node)));
  }

  networks(): Iterable<string> {
    return this.#networks.keys();
  }

  names(network: string): Iterable<NameRecord> {
    return this.#networks.get(network)?.names.values() ?? [];
  }

  name(network: string, endpoint: EndpointId): NameRecord | undefined {
    return this.#networks.get(network)?.names.get(endpoint);
  }

  services(network: string): Iterable<ServiceRecord> {
    return this.#networks.get(network)?.services.values() ?? [];
  }

  service(network: string, name: string): ServiceRecord | undefined {
    return this.#networks.get(network)?.services.get(name);
  }

  backends(service: ServiceRecord): readonly Backend[] {
    const index = this.#networks.get(service.network);
    return index === undefined ? [] : backendsOf(index, service);
  }

  /** The records of the endpoints that declare a service. */
  declaring(network: string, service: string): readonly NameRecord[] {
    const index = this.#networks.get(network);
    return [...(index?.declaring(service) ?? [])].flatMap((id) => index?.names.get(id) ?? []);
  }

  /** Services of a network that have a record or are declared. */
  knownServices(network: string): ReadonlySet<string> {
    const index = this.#networks.get(network);
    return new Set([...(index?.services.keys() ?? []), ...(index?.declared() ?? [])]);
  }

  /** Services of the network that select an endpoint by one of its names. */
  selecting(network: string, names: readonly string[]): readonly ServiceRecord[] {
    const index = this.#networks.get(network);
    return (index?.selecting(names) ?? []).flatMap((name) => index?.services.get(name) ?? []);
  }

  /** The records of the endpoints that have a name. */
  named(network: string, name: string): readonly NameRecord[] {
    const index = this.#networks.get(network);
    return [...(index?.named(name) ?? [])].flatMap((id) => index?.names.get(id) ?? []);
  }

  /** Hosts with endpoints that declare a probe. */
  nodesProbed(): Iterable<string> {
    return this.#probed.keys();
  }

  /** A host does not answer, or does again: meanwhile its endpoints that declare a probe are failing. */
  setSilent(node: string, isSilent: boolean): void {
    if (isSilent) this.#silent.add(node);
    else this.#silent.delete(node);
    this.#nodeChanged(node);
  }

  /** What cannot be read, a sentence each. */
  get problems(): readonly string[] {
    return [...this.#unreadable.values()];
  }

  subscribe(listener: (changes: readonly NamingChange[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
    this.#listeners.clear();
  }

  #hear(events: readonly Pick<StoreEvent, 'type' | 'entry'>[]): void {
    const changes = new Changes(this.#listeners.size > 0);
    for (const { type, entry } of events) {
      const key = parseNamingKey(entry.key);
      if (key?.kind === 'name') this.#hearName(key.node, type, entry, key, changes);
      else if (key?.kind === 'service') {
        const record = type === 'put' ? this.#read(entry, decodeService) : undefined;
        if (type === 'delete') this.#unreadable.delete(entry.key);
        this.#index(key.network).setService(key.name, record);
        changes.service(key.network, key.name);
        this.#prune(key.network);
      }
    }
    this.#tell(changes);
  }

  #hearName(
    node: string,
    type: StoreEvent['type'],
    entry: Entry,
    { network, endpoint }: { readonly network: string; readonly endpoint: EndpointId },
    changes: Changes,
  ): void {
    const record = type === 'put' ? this.#read(entry, decodeName) : undefined;
    if (type === 'delete') this.#unreadable.delete(entry.key);
    const records = this.#byNode.get(node) ?? new Map<string, NameRecord>();
    this.#count(node, records.get(entry.key), record);
    if (record === undefined) records.delete(entry.key);
    else records.set(entry.key, record);
    if (records.size > 0) this.#byNode.set(node, records);
    else this.#byNode.delete(node);
    this.#show(network, endpoint, this.#parts.liveness.isDead(node) ? undefined : record, changes);
  }

  #count(node: string, before: NameRecord | undefined, after: NameRecord | undefined): void {
    const count = (this.#probed.get(node) ?? 0) + isProbed(after) - isProbed(before);
    if (count > 0) this.#probed.set(node, count);
    else this.#probed.delete(node);
  }

  #nodeChanged(node: string): void {
    const changes = new Changes(this.#listeners.size > 0);
    const dead = this.#parts.liveness.isDead(node);
    for (const record of this.#byNode.get(node)?.values() ?? [])
      this.#show(record.network, record.endpoint, dead ? undefined : record, changes);
    this.#tell(changes);
  }

  #show(network: string, endpoint: EndpointId, record: NameRecord | undefined, changes: Changes): void {
    const isSilent = record !== undefined && isProbed(record) === 1 && this.#silent.has(record.node);
    const shown: NameRecord | undefined = isSilent ? { ...record, state: 'failing' } : record;
    const services = this.#index(network).setName(endpoint, shown);
    changes.name(network, endpoint);
    for (const name of services) changes.service(network, name);
    this.#prune(network);
  }

  #read<Record>(entry: Entry, decode: (entry: Entry) => Record): Record | undefined {
    try {
      const record = decode(entry);
      this.#unreadable.delete(entry.key);
      return record;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#unreadable.set(entry.key, error.message);
      this.#parts.log.warn({ key: entry.key }, 'unreadable record; it is left alone');
      return undefined;
    }
  }

  #index(network: string): NetworkIndex {
    const index = this.#networks.get(network) ?? new NetworkIndex();
    this.#networks.set(network, index);
    return index;
  }

  #prune(network: string): void {
    if (this.#networks.get(network)?.isEmpty === true) this.#networks.delete(network);
  }

  #tell(changes: Changes): void {
    const list = changes.list();
    if (list.length === 0) return;
    for (const listener of [...this.#listeners]) listener(list);
  }
}

function isProbed(record: NameRecord | undefined): 0 | 1 {
  return record?.service?.health === undefined ? 0 : 1;
}

/** One batch of changes, each once. */
class Changes {
  readonly #changes = new Map<string, NamingChange>();
  readonly #isHeard: boolean;

  /** @param isHeard whether anybody listens: to what is there at the start, which is the most, nobody does. */
  constructor(isHeard: boolean) {
    this.#isHeard = isHeard;
  }

  name(network: string, endpoint: EndpointId): void {
    if (!this.#isHeard) return;
    this.#changes.set(`name ${network} ${endpoint}`, { kind: 'name', network, endpoint });
  }

  service(network: string, name: string): void {
    if (!this.#isHeard) return;
    this.#changes.set(`service ${network} ${name}`, { kind: 'service', network, name });
  }

  list(): readonly NamingChange[] {
    return [...this.#changes.values()];
  }
}
