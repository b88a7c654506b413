import type { Ip } from '../../core/address.ts';
import { Conflict, DecodeError } from '../../core/errors.ts';
import type { EndpointId, NetworkId } from '../../core/ids.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import type { Store, Txn } from '../../core/ports.ts';
import { decodeEndpoint, decodeNetwork, encodeRecord } from './records.ts';

/** An owner of kernel objects: a network or an endpoint. */
export type OwnerId = NetworkId | EndpointId;

/** Hears of intent as it changes in memory; a change that cannot be stored is taken back in the same way. */
export interface RepositoryObserver {
  put(record: Network | Endpoint): void;
  drop(id: OwnerId): void;
}

const NETWORK = 'network/';
const ENDPOINT = 'endpoint/';

function networkKey(id: NetworkId): string {
  return `${NETWORK}${id}`;
}

function endpointKey(networkId: NetworkId, id: EndpointId): string {
  return `${ENDPOINT}${networkId}/${id}`;
}

/** Dropped ids that are remembered: more than go while Docker makes a list of what it has. */
const REMEMBERED = 2000;

/**
 * Intent: every network and endpoint, in memory for reading and in the store for keeping. A change is in memory from
 * the call on and durable when the call resolves; if the store refuses, memory goes back and the call rejects.
 */
export class Repository {
  readonly #store: Store;
  readonly #networks = new Map<NetworkId, Network>();
  readonly #endpoints = new Map<EndpointId, Endpoint>();
  readonly #byNetwork = new Map<NetworkId, Set<EndpointId>>();
  /** Counts finished changes of an owner, so that a slow observer can tell whether what it saw is still current. */
  readonly #versions = new Map<OwnerId, number>();
  readonly #inFlight = new Set<OwnerId>();
  readonly #addresses = new Map<string, EndpointId>();
  readonly #observers = new Set<RepositoryObserver>();
  /** In the order in which they went. */
  readonly #dropped = new Set<OwnerId>();
  readonly problems: string[] = [];

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Reads everything. Records that cannot be read stay in the store, are listed in `problems` and are not acted on. */
  static async load(store: Store): Promise<Repository> {
    const repository = new Repository(store);
    for (const { key, value } of (await store.list(NETWORK)).entries) {
      repository.#tolerate(() => {
        const network = decodeNetwork(key, value);
        repository.#setNetwork(network);
      });
    }
    for (const { key, value } of (await store.list(ENDPOINT)).entries) {
      repository.#tolerate(() => repository.#index(decodeEndpoint(key, value)));
    }
    return repository;
  }

  networks(): IterableIterator<Network> {
    return this.#networks.values();
  }

  network(id: NetworkId): Network | undefined {
    return this.#networks.get(id);
  }

  endpoints(): IterableIterator<Endpoint> {
    return this.#endpoints.values();
  }

  endpoint(id: EndpointId): Endpoint | undefined {
    return this.#endpoints.get(id);
  }

  /** The endpoints of one network, in no order. */
  endpointsOf(id: NetworkId): readonly Endpoint[] {
    return [...(this.#byNetwork.get(id) ?? [])].flatMap((each) => this.#endpoints.get(each) ?? []);
  }

  endpointCount(id: NetworkId): number {
    return this.#byNetwork.get(id)?.size ?? 0;
  }

  version(owner: OwnerId): number {
    return this.#versions.get(owner) ?? 0;
  }

  /**
   * Tells the observer of everything there is, networks first, and of every change from now on, at once, until
   * disposed. Observers hear in the order in which they came.
   */
  observe(observer: RepositoryObserver): Disposable {
    this.#observers.add(observer);
    for (const network of this.#networks.values()) observer.put(network);
    for (const endpoint of this.#endpoints.values()) observer.put(endpoint);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  /** Whether the owner's kernel objects are being worked on, so that what the kernel shows of them means nothing. */
  inFlight(owner: OwnerId): boolean {
    return this.#inFlight.has(owner);
  }

  /** Runs a change of an owner, intent and kernel, marking it as in flight and as changed. Not nested. */
  async during<Result>(owner: OwnerId, task: () => Promise<Result>): Promise<Result> {
    this.#inFlight.add(owner);
    try {
      return await task();
    } finally {
      this.#inFlight.delete(owner);
      this.#versions.set(owner, this.version(owner) + 1);
    }
  }

  /** The endpoint of a network that has an address. */
  addressOwner(networkId: NetworkId, ip: Ip): EndpointId | undefined {
    return this.#addresses.get(`${networkId} ${ip}`);
  }

  async putNetwork(network: Network): Promise<void> {
    const { id } = network.request;
    const was = this.#networks.get(id);
    this.#setNetwork(network);
    await this.#commit({ put: [{ key: networkKey(id), value: encodeRecord(network) }] }, () => {
      if (was === undefined) this.#dropNetwork(network);
      else this.#setNetwork(was);
    });
  }

  /** Forgets a network and all its endpoints in one transaction. */
  async deleteNetwork(id: NetworkId): Promise<void> {
    const network = this.#networks.get(id);
    if (network === undefined) return;
    const endpoints = this.endpointsOf(id);
    for (const endpoint of endpoints) this.#unindex(endpoint);
    this.#dropNetwork(network);
    const keys = endpoints.map((endpoint) => endpointKey(id, endpoint.request.id));
    await this.#commit({ delete: [networkKey(id), ...keys] }, () => {
      this.#setNetwork(network);
      for (const endpoint of endpoints) this.#index(endpoint);
    });
  }

  async putEndpoint(endpoint: Endpoint): Promise<void> {
    const { id, networkId } = endpoint.request;
    const was = this.#endpoints.get(id);
    this.#index(endpoint);
    const put = [{ key: endpointKey(networkId, id), value: encodeRecord(endpoint) }];
    await this.#commit({ put, durability: 'process' }, () => {
      if (was === undefined) this.#unindex(endpoint);
      else this.#index(was);
    });
  }

  async deleteEndpoint(endpoint: Endpoint): Promise<void> {
    const { id, networkId } = endpoint.request;
    this.#unindex(endpoint);
    const txn: Txn = { delete: [endpointKey(networkId, id)], durability: 'process' };
    await this.#commit(txn, () => this.#index(endpoint));
  }

  async #commit(txn: Txn, undo: () => void): Promise<void> {
    try {
      await this.#store.commit(txn);
    } catch (error) {
      undo();
      throw error;
    }
  }

  #setNetwork(network: Network): void {
    this.#networks.set(network.request.id, network);
    for (const observer of this.#observers) observer.put(network);
  }

  #dropNetwork(network: Network): void {
    this.#networks.delete(network.request.id);
    this.#drop(network.request.id);
  }

  #index(endpoint: Endpoint): void {
    const { id, networkId } = endpoint.request;
    if (!this.#networks.has(networkId)) {
      throw new DecodeError(
        `store record of endpoint ${id} names network ${networkId}, which is not stored`,
        { id },
      );
    }
    const known = this.#endpoints.get(id);
    if (known !== undefined && known.request.networkId !== networkId) {
      throw new Conflict(`endpoint ${id} is in network ${known.request.networkId} already`, { id });
    }
    this.#endpoints.set(id, endpoint);
    for (const ip of ipsOf(endpoint)) this.#addresses.set(`${networkId} ${ip}`, id);
    const siblings = this.#byNetwork.get(networkId) ?? new Set();
    this.#byNetwork.set(networkId, siblings.add(id));
    for (const observer of this.#observers) observer.put(endpoint);
  }

  #unindex(endpoint: Endpoint): void {
    const { id, networkId } = endpoint.request;
    this.#endpoints.delete(id);
    for (const ip of ipsOf(endpoint)) this.#addresses.delete(`${networkId} ${ip}`);
    const siblings = this.#byNetwork.get(networkId);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#byNetwork.delete(networkId);
    this.#drop(id);
  }

  /** Whether a network or endpoint was dropped a moment ago: a list from before may still have it. */
  wasDropped(id: OwnerId): boolean {
    return this.#dropped.has(id);
  }

  #drop(id: OwnerId): void {
    this.#dropped.add(id);
    const [oldest] = this.#dropped;
    if (this.#dropped.size > REMEMBERED && oldest !== undefined) this.#dropped.delete(oldest);
    for (const observer of this.#observers) observer.drop(id);
  }

  #tolerate(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof Conflict)) throw error;
      this.problems.push(error.message);
    }
  }
}

function ipsOf({ request }: Endpoint): readonly Ip[] {
  return [request.ipv4, request.ipv6].flatMap((address) => (address === undefined ? [] : [address.ip]));
}
