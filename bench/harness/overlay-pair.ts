import {
  type Cluster,
  createCluster,
  type EngineSeries,
  type Host,
  joinSwarm,
  type NetworkSpec,
  until,
} from '../../test/lab/index.ts';

/** Two hosts that are both a weft cluster and a Docker Swarm. Disposing it takes everything with it. */
export interface OverlayPair extends AsyncDisposable {
  readonly cluster: Cluster;
  /** Where containers start and servers run; the manager of the Swarm. */
  readonly a: Host;
  /** Where clients run. */
  readonly b: Host;
}

/** The same network by weft's driver and by Docker's own, known on both hosts. */
export const OVERLAYS = {
  weft: {
    name: 'bench-weft',
    driver: 'weft-overlay',
    ipamDriver: 'weft',
    subnets: [{ subnet: '10.220.0.0/16', gateway: '10.220.0.1' }],
  },
  builtIn: {
    name: 'bench-native',
    driver: 'overlay',
    attachable: true,
    subnets: [{ subnet: '10.221.0.0/16', gateway: '10.221.0.1' }],
  },
} as const satisfies Readonly<Record<string, NetworkSpec>>;

export type OverlayKey = keyof typeof OVERLAYS;

/** Boots it and makes both networks. @throws {Error} when a part does not come up. */
export async function bootOverlayPair(engine: EngineSeries): Promise<OverlayPair> {
  const cluster = await createCluster({ hosts: 2, etcd: 3, engine });
  try {
    const [a, b] = cluster.nodes.map(({ host }) => host);
    if (a === undefined || b === undefined) throw new Error('a cluster of two has less than two hosts');
    await joinSwarm([a, b]);
    for (const spec of Object.values(OVERLAYS)) await a.docker.createNetwork(spec);
    await until('weft’s network is on the other host', async () =>
      (await b.docker.listNetworks()).some(({ Name }) => Name === OVERLAYS.weft.name),
    );
    // The Swarm makes its network on a host when the first container there wants it.
    for (const host of [a, b]) {
      for (const { name } of Object.values(OVERLAYS)) await host.docker.runContainer({ network: name });
    }
    return { cluster, a, b, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
