import { CLUSTER_KEYS, type ClusterNetwork, type JoinedRecord } from '../../core/cluster.ts';
import type { SharedView } from '../../core/ports.ts';
import { encodeClusterRecord, keys, readClusterRecord } from './records.ts';

/** Operations a commit may have; etcd takes 128. */
const OPERATIONS = 100;

/**
 * What one host tells the cluster of its networks: that it has joined one, was refused, or has left. Nothing is told
 * of a network that has been removed meanwhile, so that nothing of it stays.
 */
export class Attendance {
  readonly #shared: SharedView;
  readonly #node: string;

  constructor(parts: { readonly shared: SharedView; readonly node: string }) {
    this.#shared = parts.shared;
    this.#node = parts.node;
  }

  /** Whether this host has left this very network. */
  hasLeft({ name, id }: ClusterNetwork): boolean {
    const left = this.#shared.get(keys.left(name, this.#node));
    return left !== undefined && Buffer.from(left.value).toString() === id;
  }

  /** @throws {Conflict} when the network was removed or changed meanwhile. {Unavailable} */
  async join(network: ClusterNetwork): Promise<void> {
    const left = this.#shared.get(keys.left(network.name, this.#node)) !== undefined;
    await this.#tell(network, { network: network.id }, left ? [keys.left(network.name, this.#node)] : []);
  }

  /** @throws {Conflict} when the network was removed or changed meanwhile. {Unavailable} */
  refuse(network: ClusterNetwork, reason: string): Promise<void> {
    return this.#tell(network, { network: network.id, refused: reason }, []);
  }

  /** @throws {Conflict} when the network was removed or changed meanwhile. {Unavailable} */
  async leave({ name, id }: ClusterNetwork): Promise<void> {
    const definition = this.#shared.get(keys.network(name));
    if (definition === undefined) return;
    await this.#shared.commit({
      expect: [definition],
      put: [{ key: keys.left(name, this.#node), value: Buffer.from(id) }],
      delete: [keys.joined(name, this.#node)],
    });
  }

  /**
   * Takes back what was told of networks that are no more, as when the host that removed one died halfway.
   * @throws {Unavailable}
   */
  async forget(): Promise<void> {
    const orphans = [CLUSTER_KEYS.joined, CLUSTER_KEYS.left].flatMap((prefix) =>
      [...this.#shared.entries(prefix)]
        .map(({ key }) => key)
        .filter((key) => {
          const [name = '', node] = key.slice(prefix.length).split('/');
          return node === this.#node && this.#shared.get(keys.network(name)) === undefined;
        }),
    );
    for (let i = 0; i < orphans.length; i += OPERATIONS)
      await this.#shared.commit({ delete: orphans.slice(i, i + OPERATIONS) });
  }

  async #tell({ name }: ClusterNetwork, record: JoinedRecord, drop: readonly string[]): Promise<void> {
    const key = keys.joined(name, this.#node);
    const known = readClusterRecord('joined', this.#shared.get(key));
    const isKnown = known?.network === record.network && known.refused === record.refused;
    const definition = this.#shared.get(keys.network(name));
    if (definition === undefined || (isKnown && drop.length === 0)) return;
    await this.#shared.commit({
      expect: [definition],
      put: [{ key, value: encodeClusterRecord('joined', record) }],
      delete: drop,
    });
  }
}
