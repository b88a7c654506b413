import type { Cidr } from '../../core/address.ts';
import type { ClusterNetwork, Tunnel } from '../../core/cluster.ts';
import { Conflict, errorMessage, Unavailable } from '../../core/errors.ts';
import type { NetworkId } from '../../core/ids.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { Network } from '../../core/model.ts';
import { defineNetwork, type NetworkDefinition, type OverlayOptions } from '../../drivers/overlay/index.ts';
import type { Repository } from '../state/index.ts';
import type { Definitions } from './definitions.ts';
import type { Log } from './log.ts';
import type { TunnelEnds } from './tunnel-ends.ts';

/** How long a call waits for a network to be bound, milliseconds. */
const WAIT_MS = 5000;

export interface NetworkBinderParts {
  readonly repository: Repository;
  readonly definitions: Definitions;
  readonly locks: KeyedMutex;
  readonly ends: TunnelEnds;
  /** Why this host may not act in the cluster, if so. */
  readonly fence: () => string | undefined;
  /** `--ip-range` of a subnet, which Docker tells the IPAM driver only. */
  readonly rangeOf: (subnet: Cidr) => Cidr | undefined;
  /** Called with each network that was bound: its subnets are shared from now on. */
  readonly bound: (network: Network) => Promise<void>;
  readonly log: Log;
}

/**
 * Ties the networks of this host to their definitions in the cluster: by the name in `weft.network` while Docker's
 * create call waits, by the name that Docker has for it right after.
 */
export class NetworkBinder {
  readonly #parts: NetworkBinderParts;
  /** Why a network of this host is not one of the cluster's, by Docker's id. */
  readonly #refusals = new Map<NetworkId, string>();
  readonly #waiting = new Map<NetworkId, Set<() => void>>();
  /** Networks that this host is making because the cluster has them: name → ClusterNetwork.id. */
  readonly #following = new Map<string, string>();

  constructor(parts: NetworkBinderParts) {
    this.#parts = parts;
  }

  /**
   * Makes a network that the cluster has. Docker's create call comes back to this host as any other; should the
   * definition be gone by then, it must not be made anew.
   */
  async follow<Result>({ name, id }: ClusterNetwork, make: () => Promise<Result>): Promise<Result> {
    this.#following.set(name, id);
    try {
      return await make();
    } finally {
      this.#following.delete(name);
    }
  }

  refusalOf(id: NetworkId): string | undefined {
    return this.#refusals.get(id);
  }

  /**
   * The tunnel of a network that is being created and names itself.
   * @throws {Conflict} naming what differs from the definition. {Unavailable}
   */
  async tunnelFor(network: Network<OverlayOptions>): Promise<Tunnel | undefined> {
    const fence = this.#parts.fence();
    if (fence !== undefined) throw new Unavailable(fence);
    const name = network.options.network;
    if (name === undefined) {
      await this.#parts.definitions.assertReachable();
      return undefined;
    }
    return this.#tunnel(await this.#define(name, network));
  }

  /**
   * Binds a stored network under a name; whether it is bound now.
   * @returns false when the cluster refused it, or could not be asked.
   */
  bind(id: NetworkId, name: string): Promise<boolean> {
    return this.#parts.locks.run(id, async () => {
      const network = this.#parts.repository.network(id) as Network<OverlayOptions> | undefined;
      if (network === undefined || network.driver !== 'weft-overlay') return false;
      const bound = await this.#bind(network, name);
      for (const wake of this.#waiting.get(id) ?? []) wake();
      return bound;
    });
  }

  async #bind(network: Network<OverlayOptions>, name: string): Promise<boolean> {
    const { id } = network.request;
    try {
      const tunnel = this.#tunnel(await this.#define(name, network));
      await this.#parts.ends.retunnel(network, tunnel);
      this.#refusals.delete(id);
      await this.#parts.bound({ ...network, tunnel });
      return true;
    } catch (error) {
      if (!(error instanceof Conflict || error instanceof Unavailable)) throw error;
      this.#refuse(id, name, error);
      return false;
    }
  }

  /**
   * Waits until containers can join a network.
   * @throws {Conflict} saying why it is not one of the cluster's. {Unavailable} when that is not known in time.
   */
  async whenBound(id: NetworkId): Promise<void> {
    const fence = this.#parts.fence();
    if (fence !== undefined) throw new Unavailable(fence, { networkId: id });
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const network = this.#parts.repository.network(id);
      if (network === undefined || network.driver !== 'weft-overlay' || network.tunnel !== undefined) return;
      const refusal = this.#refusals.get(id);
      if (refusal !== undefined) throw new Conflict(refusal, { networkId: id });
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Unavailable(
          `network ${id.slice(0, 12)} is not known to the cluster yet: neither Docker nor weft.network has told its name`,
          { networkId: id },
        );
      }
      await this.#wake(id, left);
    }
  }

  /** The definition that a network of this host would have, for one that the cluster has lost. */
  definitionOf(network: Network<OverlayOptions>): ClusterNetwork | undefined {
    const { tunnel } = network;
    if (tunnel === undefined) return undefined;
    const definition = this.#definition(tunnel.name, network);
    return { ...definition, id: tunnel.id, vni: tunnel.vni, createdAt: network.createdAt, createdBy: '' };
  }

  #definition(name: string, { request, options }: Network<OverlayOptions>): NetworkDefinition {
    const { rangeOf } = this.#parts;
    const pools = [...request.ipv4, ...request.ipv6].map(({ pool }) => pool);
    const ranges = new Map(
      pools.flatMap((pool) => {
        const range = rangeOf(pool);
        return range === undefined ? [] : [[pool, range] as const];
      }),
    );
    return defineNetwork(name, request, options, ranges);
  }

  async #define(name: string, network: Network<OverlayOptions>): Promise<ClusterNetwork> {
    const fence = this.#parts.fence();
    if (fence !== undefined) throw new Unavailable(fence);
    const followed = this.#following.get(name);
    if (followed !== undefined && this.#parts.definitions.get(name)?.id !== followed)
      throw new Conflict(`network ${name} was removed from the cluster while it was made here`);
    const twin = this.#twinOf(name, network.request.id);
    if (twin !== undefined)
      throw new Conflict(
        `network ${name} of the cluster is network ${twin.slice(0, 12)} on this host already`,
      );
    return this.#parts.definitions.define(this.#definition(name, network), network.options.vni);
  }

  /** Another network of this host that is tied to the name. */
  #twinOf(name: string, id: NetworkId): NetworkId | undefined {
    for (const { request, tunnel } of this.#parts.repository.networks())
      if (tunnel?.name === name && request.id !== id) return request.id;
    return undefined;
  }

  #tunnel({ name, id, vni }: ClusterNetwork): Tunnel {
    return { name, id, vni, ...this.#parts.ends.end };
  }

  #refuse(id: NetworkId, name: string, error: Conflict | Unavailable): void {
    if (error instanceof Unavailable) {
      this.#parts.log.warn(
        { networkId: id, network: name, error: errorMessage(error) },
        'network not bound yet',
      );
      return;
    }
    if (this.#refusals.get(id) === error.message) return;
    this.#refusals.set(id, error.message);
    this.#parts.log.error(
      { networkId: id, network: name, error: error.message },
      'the cluster refuses this network',
    );
  }

  #wake(id: NetworkId, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waiting.add(done);
    });
  }
}
