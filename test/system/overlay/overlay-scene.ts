import type { Test } from 'tap';
import {
  type Cluster,
  type ClusterNode,
  type ClusterOptions,
  type Container,
  type ContainerSpec,
  createCluster,
  type NetworkDetails,
  type NetworkSpec,
  until,
} from '../../lab/index.ts';
import { SERVER_SOCKETS, serverCommand } from '../bridge/probe.ts';

/** How long a network may take to appear on, or go from, every host. */
export const SPREAD_MS = 10_000;

/** A container with its host and its addresses on the network it was started on. */
export interface Placed {
  readonly node: ClusterNode;
  readonly container: Container;
  readonly name: string;
  readonly ip: string;
  /** Empty when the network has no IPv6. */
  readonly ip6: string;
  readonly mac: string;
}

/** A cluster and what tests need of it again and again. */
export class OverlayScene implements AsyncDisposable {
  readonly cluster: Cluster;
  #subnets = 0;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async open(options: ClusterOptions): Promise<OverlayScene> {
    return new OverlayScene(await createCluster(options));
  }

  get nodes(): readonly ClusterNode[] {
    return this.cluster.nodes;
  }

  /** The first three hosts. @throws {Error} when there are fewer. */
  get three(): readonly [ClusterNode, ClusterNode, ClusterNode] {
    const [one, two, three] = this.nodes;
    if (one === undefined || two === undefined || three === undefined)
      throw new Error('three hosts are needed');
    return [one, two, three];
  }

  /** Subnets of both families that nobody in this scene has. */
  takeSubnets(): {
    readonly v4: string;
    readonly base4: string;
    readonly v6: string;
    readonly base6: string;
  } {
    this.#subnets += 1;
    const base4 = `10.210.${this.#subnets}`;
    const base6 = `fd00:e:${this.#subnets.toString(16)}::`;
    return { v4: `${base4}.0/24`, base4, v6: `${base6}/64`, base6 };
  }

  /** Makes a weft-overlay network on one host and waits until every host has it. */
  async network(name: string, spec: Partial<NetworkSpec> = {}, on = this.three[0]): Promise<void> {
    await on.docker.createNetwork(overlaySpec(name, spec));
    await this.everywhere(name);
  }

  /** As {@link network}, with a subnet of each family. */
  async dualNetwork(
    name: string,
    spec: Partial<NetworkSpec> = {},
  ): Promise<ReturnType<OverlayScene['takeSubnets']>> {
    const subnets = this.takeSubnets();
    await this.network(name, {
      ipv6: true,
      subnets: [{ subnet: subnets.v4 }, { subnet: subnets.v6 }],
      ...spec,
    });
    return subnets;
  }

  /** Waits until every host's dockerd has the network. */
  async everywhere(name: string, nodes = this.nodes): Promise<void> {
    for (const node of nodes) {
      await until(`${name} is on ${node.name}`, () => findNetwork(node, name), { timeoutMs: SPREAD_MS });
    }
  }

  /** Waits until no host's dockerd has the network. */
  async nowhere(name: string, nodes = this.nodes): Promise<void> {
    for (const node of nodes) {
      const isGone = async () => (await findNetwork(node, name)) === undefined;
      await until(`${name} is gone from ${node.name}`, isGone, { timeoutMs: SPREAD_MS });
    }
  }

  /** Starts a container that answers on its ports with its name (TCP and UDP 80, TCP 81), and waits until it does. */
  async server(node: ClusterNode, network: string, spec: ContainerSpec = {}): Promise<Placed> {
    const name = spec.name ?? `${network}-${node.name}`;
    const request = { ...spec, name, network, cmd: serverCommand(), env: { NAME: name } };
    const container = await node.docker.runContainer(request);
    await until(`${name} serves`, async () => {
      const sockets = await container.netExec(['ss', '-Hlntu', 'sport = :80 or sport = :81']);
      return sockets.trim().split('\n').length === SERVER_SOCKETS;
    });
    return placed(node, container, network);
  }

  /** A {@link server} on each host. */
  async serverOnEach(network: string, spec: ContainerSpec = {}): Promise<readonly Placed[]> {
    return Promise.all(this.nodes.map((node) => this.server(node, network, spec)));
  }

  /**
   * Ends what a test broke, removes every container and network it made, and waits until the networks are gone
   * everywhere.
   */
  async clear(): Promise<void> {
    await this.cluster.wall.open();
    await this.cluster.etcd.startAll();
    for (const node of this.nodes) if (!node.weftd.running) await node.startWeftd();
    for (const { docker } of this.nodes) {
      for (const container of await docker.listContainers()) await container.remove();
    }
    const names = new Set<string>();
    const refusals: string[] = [];
    for (const { docker, name } of this.nodes) {
      for (const network of await docker.listNetworks()) {
        if (['bridge', 'host', 'none', 'docker_gwbridge'].includes(network.Name)) continue;
        names.add(network.Name);
        // Another host's removal may have come here before; then it is gone all the same.
        await docker.removeNetwork(network.Id).catch((error: unknown) => {
          refusals.push(`${name}: ${network.Name}: ${error}`);
        });
      }
    }
    for (const name of names) {
      await this.nowhere(name).catch((cause: unknown) => {
        throw new Error([String(cause), ...refusals].join('\n'), { cause });
      });
    }
  }

  /** Runs tests by name, each on an empty cluster. `SUITE_ONLY` in the environment picks those that contain it. */
  async run(t: Test, tests: Readonly<Record<string, (t: Test, scene: OverlayScene) => Promise<void>>>) {
    const only = process.env['SUITE_ONLY'] ?? '';
    for (const [name, body] of Object.entries(tests)) {
      if (!name.includes(only)) continue;
      await t.test(name, async (t) => {
        try {
          try {
            await body(t, this);
          } finally {
            await this.clear();
          }
        } catch (error) {
          for (const node of this.nodes) t.comment(`${node.name}: ${node.weftd.logs.slice(-40).join('\n')}`);
          throw error;
        }
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** A network of weft's overlay with weft's addresses. */
export function overlaySpec(name: string, spec: Partial<NetworkSpec> = {}): NetworkSpec {
  return { name, driver: 'weft-overlay', ipamDriver: 'weft', ...spec };
}

/** What a host's dockerd says of a network of that name; undefined when it has none. */
export async function findNetwork(node: ClusterNode, name: string): Promise<NetworkDetails | undefined> {
  return (await node.docker.listNetworks()).find((network) => network.Name === name);
}

/** A container with its addresses on `network`. */
export async function placed(node: ClusterNode, container: Container, network: string): Promise<Placed> {
  const { IPAddress, GlobalIPv6Address, MacAddress } = await container.endpoint(network);
  return { node, container, name: container.name, ip: IPAddress, ip6: GlobalIPv6Address, mac: MacAddress };
}

/** Every ordered pair of different things. */
export function pairs<T>(things: readonly T[]): readonly (readonly [T, T])[] {
  return things.flatMap((from) => things.filter((to) => to !== from).map((to) => [from, to] as const));
}
