import { randomUUID } from 'node:crypto';
import { cidrsOverlap } from '../../core/address.ts';
import { CLUSTER_KEYS, type ClusterNetwork } from '../../core/cluster.ts';
import { Conflict } from '../../core/errors.ts';
import type { Clock, SharedView, Txn } from '../../core/ports.ts';
import { chooseVni, differences, type NetworkDefinition } from '../../drivers/overlay/index.ts';
import { encodeClusterRecord, keys, readClusterRecord } from './records.ts';

/** Changes with each definition, so that two made at once see each other's subnets. */
const INDEX = 'definitions';
/** How often a definition is tried when others change the list at the same time. */
const TRIES = 20;
/** Operations a commit may have; etcd takes 128. */
const OPERATIONS = 100;
/** A host that was down for longer than this, and still has a network that was removed, makes it anew. */
const REMEMBER_MS = 90 * 24 * 3600 * 1000;

/** The definitions of overlay networks that all hosts share. */
export class Definitions {
  readonly #shared: SharedView;
  readonly #node: string;
  readonly #clock: Clock;

  constructor(parts: { readonly shared: SharedView; readonly node: string; readonly clock: Clock }) {
    this.#shared = parts.shared;
    this.#node = parts.node;
    this.#clock = parts.clock;
  }

  get(name: string): ClusterNetwork | undefined {
    return readClusterRecord('network', this.#shared.get(keys.network(name)));
  }

  all(): readonly ClusterNetwork[] {
    return definitionsIn(this.#shared);
  }

  /** @throws {Unavailable} when a definition could not be made now. */
  async assertReachable(): Promise<void> {
    const index = this.#shared.get(INDEX);
    try {
      await this.#shared.commit({ expect: [{ key: INDEX, revision: index?.revision ?? 0n }] });
    } catch (error) {
      // The store has answered: somebody makes another definition just now.
      if (!(error instanceof Conflict)) throw error;
    }
  }

  /** Whether this very network, and not one made later with its name, was removed everywhere. */
  isGone(name: string, id: string): boolean {
    return this.#shared.get(keys.gone(name, id)) !== undefined;
  }

  /**
   * The network of that name: made now if there is none.
   * @param vni the one asked for.
   * @throws {Conflict} naming what differs from the definition there is, or who has the VNI or the subnet.
   * @throws {Unavailable} when there is none and the store cannot be reached.
   */
  async define(definition: NetworkDefinition, vni: number | undefined): Promise<ClusterNetwork> {
    for (let attempt = 1; ; attempt++) {
      const existing = this.get(definition.name);
      if (existing !== undefined) return assertSame(existing, definition);
      this.#assertFreeSubnets(definition);
      const network: ClusterNetwork = {
        ...definition,
        id: randomUUID(),
        vni: this.#chooseVni(definition.name, vni),
        createdAt: this.#clock.now(),
        createdBy: this.#node,
      };
      try {
        await this.#put(network);
        return network;
      } catch (error) {
        if (!(error instanceof Conflict) || attempt === TRIES) throw error;
      }
    }
  }

  /** Puts a definition back that the store has lost, as when it was restored from before it. */
  async restore(network: ClusterNetwork): Promise<void> {
    await this.#put(network);
  }

  /**
   * Removes a definition and everything under it but address blocks; what is gone already is fine.
   * @throws {Conflict} when it has been changed meanwhile. {Unavailable}
   */
  async remove(network: ClusterNetwork): Promise<void> {
    const { name, id, vni } = network;
    const entry = this.#shared.get(keys.network(name));
    if (entry === undefined || readClusterRecord('network', entry)?.id !== id) return;
    await this.#shared.commit({
      expect: [{ key: keys.network(name), revision: entry.revision }],
      put: [{ key: keys.gone(name, id), value: encodeClusterRecord('gone', { at: this.#clock.now() }) }],
      delete: [keys.network(name), keys.vni(vni)],
    });
    const under = [CLUSTER_KEYS.joined, CLUSTER_KEYS.left, CLUSTER_KEYS.endpoint].flatMap((prefix) =>
      [...this.#shared.entries(`${prefix}${name}/`)].map(({ key }) => key),
    );
    const rest = [...under, ...this.#oldRemovals()];
    for (let i = 0; i < rest.length; i += OPERATIONS)
      await this.#shared.commit({ delete: rest.slice(i, i + OPERATIONS) });
  }

  #oldRemovals(): readonly string[] {
    const before = this.#clock.now() - REMEMBER_MS;
    return [...this.#shared.entries(CLUSTER_KEYS.gone)]
      .filter((entry) => (readClusterRecord('gone', entry)?.at ?? Number.POSITIVE_INFINITY) < before)
      .map(({ key }) => key);
  }

  #put(network: ClusterNetwork): Promise<bigint> {
    const index = this.#shared.get(INDEX);
    const txn: Txn = {
      expect: [
        { key: keys.network(network.name), revision: 0n },
        { key: keys.vni(network.vni), revision: 0n },
        { key: INDEX, revision: index?.revision ?? 0n },
      ],
      put: [
        { key: keys.network(network.name), value: encodeClusterRecord('network', network) },
        { key: keys.vni(network.vni), value: Buffer.from(network.name) },
        { key: INDEX, value: Buffer.from(network.id) },
      ],
      delete: [keys.gone(network.name, network.id)],
    };
    return this.#shared.commit(txn);
  }

  #chooseVni(name: string, wanted: number | undefined): number {
    const taken = new Map(
      [...this.#shared.entries(CLUSTER_KEYS.vni)].map(({ key, value }) => [
        Number(key.slice(CLUSTER_KEYS.vni.length)),
        Buffer.from(value).toString(),
      ]),
    );
    const holder = wanted === undefined ? undefined : taken.get(wanted);
    if (holder !== undefined) {
      throw new Conflict(`VNI ${wanted} belongs to network ${holder}: network ${name} needs its own`, {
        network: holder,
      });
    }
    return chooseVni(wanted, new Set(taken.keys()), Math.random);
  }

  #assertFreeSubnets({ name, subnets }: NetworkDefinition): void {
    for (const other of this.all()) {
      for (const { pool } of subnets) {
        const overlap = other.subnets.find((each) => cidrsOverlap(each.pool, pool));
        if (overlap === undefined) continue;
        throw new Conflict(
          `subnet ${pool} of network ${name} overlaps ${overlap.pool} of the cluster's network ${other.name}`,
          { network: other.name },
        );
      }
    }
  }
}

function assertSame(existing: ClusterNetwork, definition: NetworkDefinition): ClusterNetwork {
  const found = differences(definition, existing);
  if (found.length === 0) return existing;
  throw new Conflict(
    `network ${existing.name} exists in the cluster (made on ${existing.createdBy}) and differs: ${found.join('; ')}`,
    { network: existing.name, differences: found.join('; ') },
  );
}

/** Every definition that can be read. */
export function definitionsIn(shared: SharedView): readonly ClusterNetwork[] {
  return [...shared.entries(CLUSTER_KEYS.network)].flatMap(
    (entry) => readClusterRecord('network', entry) ?? [],
  );
}
