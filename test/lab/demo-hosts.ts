import { docker, say, show, weft } from './demo-screen.ts';
import { type Cluster, type ClusterNode, createCluster, type EngineSeries, IMAGE, until } from './index.ts';

const OVERLAYS = 'network ls --filter driver=weft-overlay';

/** The second scene: one network over two hosts that share an etcd. */
export class TwoHosts implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #h1: ClusterNode;
  readonly #h2: ClusterNode;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#h1 = cluster.node('h1');
    this.#h2 = cluster.node('h2');
  }

  /** Boots them; their weftds are ready when it resolves. */
  static async boot(engine: EngineSeries): Promise<TwoHosts> {
    return new TwoHosts(await createCluster({ hosts: 2, engine, etcd: 1 }));
  }

  get nodes(): readonly ClusterNode[] {
    return this.#cluster.nodes;
  }

  /** Shows it all but the end. */
  async play(): Promise<void> {
    await this.#starts();
    await this.#network();
    await this.#containers();
  }

  /** Removes what was made; the network leaves both hosts with one command. */
  async clear(): Promise<void> {
    await docker(this.#h1.host, 'rm -f left', 'h1');
    await docker(this.#h2.host, 'rm -f right', 'h2');
    await docker(this.#h1.host, 'network rm app', 'h1');
    await until('the network is gone', async () => !(await hasApp(this.#h2)));
    await docker(this.#h2.host, OVERLAYS, 'h2');
    for (const { weftd } of this.nodes) await weftd.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }

  async #starts(): Promise<void> {
    say('Two hosts and an etcd');
    for (const { name, address } of this.nodes)
      show(`weftd --store ${this.#cluster.etcd.url} --node ${name} --address ${address} … &`, '', name);
    await weft(this.#h1.host, 'node ls', 'h1');
  }

  async #network(): Promise<void> {
    say('A network that is made on one host is on the other');
    await docker(this.#h1.host, 'network create -d weft-overlay --ipam-driver weft app', 'h1');
    await until('the network is on the other host', () => hasApp(this.#h2));
    await docker(this.#h2.host, OVERLAYS, 'h2');
  }

  async #containers(): Promise<void> {
    say('A container on each; they reach each other by address');
    const left = await this.#run(this.#h1, 'left');
    const right = await this.#run(this.#h2, 'right');
    await docker(this.#h1.host, `exec left ping -c 2 ${right}`, 'h1');
    await docker(this.#h2.host, `exec right ping -c 1 ${left}`, 'h2');
    await weft(this.#h1.host, 'network inspect app', 'h1');
    await weft(this.#h1.host, `explain left ${right}`, 'h1');
  }

  /** @returns the container's address. */
  async #run({ host, name }: ClusterNode, container: string): Promise<string> {
    await docker(host, `run -d --name ${container} --network app ${IMAGE} sleep 1000000`, name);
    return docker(host, `inspect -f {{.NetworkSettings.Networks.app.IPAddress}} ${container}`, name);
  }
}

async function hasApp({ docker: engine }: ClusterNode): Promise<boolean> {
  return (await engine.listNetworks()).some(({ Name }) => Name === 'app');
}
