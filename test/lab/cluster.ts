import { rm } from 'node:fs/promises';
import { ClusterNode } from './cluster-node.ts';
import { type EtcdCluster, type EtcdSeries, startEtcd } from './etcd.ts';
import type { EtcdPlace } from './etcd-member.ts';
import { Host, type HostOptions } from './host.ts';
import { Machine } from './machine.ts';
import type { EngineSeries } from './paths.ts';
import { Underlay, type UnderlayOptions } from './underlay.ts';
import { Wall } from './wall.ts';

/** What a cluster may differ in. */
export interface ClusterOptions extends UnderlayOptions, Pick<HostOptions, 'dockerdArgs' | 'hasLiveRestore'> {
  /** How many hosts: `h1`, `h2`, …. */
  readonly hosts: number;
  /** One engine for all hosts, or one for each in order, the last for all that follow. */
  readonly engine: EngineSeries | readonly EngineSeries[];
  /** Members of the etcd cluster, each a machine of its own on the LAN; 3 if absent. */
  readonly etcd?: 1 | 3;
  /** `3.4` if absent. */
  readonly etcdVersion?: EtcdSeries;
  /** Family of tunnels and of the way to etcd; hosts have addresses of both. `ipv4` if absent. */
  readonly underlay?: 'ipv4' | 'ipv6';
  /** More arguments for every weftd. */
  readonly weftdArgs?: readonly string[];
  /** Hosts come up without weftd: {@link ClusterNode.startWeftd} is the test's. */
  readonly isWithoutWeftd?: boolean;
}

/**
 * Hosts with Docker Engines and weftds that share an etcd cluster, all on one LAN, and the means to break it:
 * {@link wall} between any of them, each member and each daemon to kill, hosts to destroy and to add.
 */
export class Cluster implements AsyncDisposable {
  readonly underlay: Underlay;
  readonly etcd: EtcdCluster;
  /** The machines of the etcd members, in the order of {@link etcd}'s. */
  readonly storeMachines: readonly Machine[];
  /** A machine of the LAN that is no member of anything: a client from outside. */
  readonly lan: Machine;
  readonly wall: Wall;
  readonly #options: ClusterOptions;
  readonly #nodes: ClusterNode[] = [];

  private constructor(
    options: ClusterOptions,
    underlay: Underlay,
    store: { readonly etcd: EtcdCluster; readonly machines: readonly Machine[]; readonly lan: Machine },
  ) {
    this.#options = options;
    this.underlay = underlay;
    this.etcd = store.etcd;
    this.storeMachines = store.machines;
    this.lan = store.lan;
    this.wall = new Wall(underlay);
  }

  /**
   * Boots all of it; every weftd is ready when it resolves.
   * @throws {Error} when one part does not come up; nothing stays then.
   */
  static async create(options: ClusterOptions): Promise<Cluster> {
    await using stack = new AsyncDisposableStack();
    // Disposed of last: the machines go first, and the members in them.
    const etcdGoes = stack.use(new AsyncDisposableStack());
    const underlay = stack.use(await Underlay.create(options));
    const names = Array.from({ length: options.etcd ?? 3 }, (_, i) => `e${i + 1}`);
    const machines = await Promise.all(names.map((name) => Machine.create(underlay, name)));
    const lan = await Machine.create(underlay, 'lan');
    const etcd = etcdGoes.use(
      await startEtcd({
        version: options.etcdVersion ?? '3.4',
        on: options.underlay === 'ipv6' ? machines.map(overIpv6) : machines,
      }),
    );
    const cluster = new Cluster(options, underlay, { etcd, machines, lan });
    await Promise.all(Array.from({ length: options.hosts }, (_, i) => cluster.addHost(`h${i + 1}`)));
    cluster.#nodes.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    stack.move();
    return cluster;
  }

  /** Hosts that were not destroyed, by number. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** @throws {Error} when there is no such host. */
  node(name: string): ClusterNode {
    const node = this.#nodes.find((each) => each.name === name);
    if (node === undefined) throw new Error(`there is no host ${name}`);
    return node;
  }

  /** Boots another host, with a weftd that is ready unless the cluster's hosts come without. */
  async addHost(name: string): Promise<ClusterNode> {
    const { engine, dockerdArgs, hasLiveRestore, underlay = 'ipv4', weftdArgs = [] } = this.#options;
    const engines = typeof engine === 'string' ? [engine] : engine;
    const series = engines[Number(/\d+$/.exec(name)?.[0] ?? 1) - 1] ?? engines.at(-1);
    if (series === undefined) throw new Error('a cluster needs an engine');
    const host = await Host.create({
      underlay: this.underlay,
      engine: series,
      name,
      ...(dockerdArgs === undefined ? {} : { dockerdArgs }),
      ...(hasLiveRestore === undefined ? {} : { hasLiveRestore }),
    });
    const address = underlay === 'ipv4' ? host.ip : host.ip6;
    const identity = ['--store', this.etcd.url, '--node', name, '--address', address];
    const node = new ClusterNode(host, address, [
      ...identity,
      '--metrics',
      'off',
      '--ui',
      'off',
      ...weftdArgs,
    ]);
    this.#nodes.push(node);
    if (this.#options.isWithoutWeftd !== true) await node.startWeftd();
    return node;
  }

  /** Power and disk of a host are gone at once: nothing on it says goodbye to anybody. */
  async destroy(node: ClusterNode): Promise<void> {
    await node.host.setCable('pulled');
    await node.host[Symbol.asyncDispose]();
    await rm(`/proc/${this.underlay.holder.pid}/root/mnt/${node.name}`, { recursive: true, force: true });
    this.#nodes.splice(this.#nodes.indexOf(node), 1);
  }

  /** A host reaches the other hosts and no etcd member, until `wall.open()`. */
  cutFromStore(node: ClusterNode): Promise<void> {
    return this.wall.separate([node.host], this.storeMachines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.underlay[Symbol.asyncDispose]();
    } finally {
      await this.etcd[Symbol.asyncDispose]();
    }
  }
}

/** A member there is reached by the machine's other address; in brackets, as it becomes part of URLs. */
function overIpv6(machine: Machine): EtcdPlace {
  return {
    ip: `[${machine.ip6}]`,
    spawn: (argv) => machine.spawn(argv),
    exec: (argv, options) => machine.exec(argv, options),
  };
}
