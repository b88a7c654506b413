import {
  type Container,
  type ContainerSpec,
  createHost,
  createMachine,
  createUnderlay,
  type DockerClient,
  type EngineSeries,
  type Host,
  type HostOptions,
  type Machine,
  type NetworkSpec,
  type Underlay,
  until,
  type Weftd,
} from '../../lab/index.ts';
import { SERVER_SOCKETS, serverCommand } from './probe.ts';

/** What a scene may differ in. */
export interface SceneOptions extends Pick<HostOptions, 'dockerdArgs' | 'iptables'> {
  readonly weftdArgs?: readonly string[];
}

/** One LAN with a host that runs weftd, and another machine. */
export class Scene implements AsyncDisposable {
  readonly engine: EngineSeries;
  readonly host: Host;
  readonly lan: Machine;
  readonly weftd: Weftd;
  /** What dockerd has added to the host before weftd started: {@link Host.leaks}. */
  readonly dockersOwn: readonly string[];
  readonly #underlay: Underlay;
  #subnets = 0;

  private constructor(
    underlay: Underlay,
    host: Host,
    lan: Machine,
    weftd: Weftd,
    dockersOwn: readonly string[],
  ) {
    this.#underlay = underlay;
    this.engine = host.engine;
    this.host = host;
    this.lan = lan;
    this.weftd = weftd;
    this.dockersOwn = dockersOwn;
  }

  static async open(engine: EngineSeries, options: SceneOptions = {}): Promise<Scene> {
    const { weftdArgs = [], ...hostOptions } = options;
    const underlay = await createUnderlay();
    try {
      const [host, lan] = await Promise.all([
        createHost({ underlay, engine, ...hostOptions }),
        createMachine(underlay),
      ]);
      const dockersOwn = await useDockersOwn(host);
      const weftd = await host.startWeftd(['--ui', 'off', '--metrics', 'off', ...weftdArgs]);
      await weftd.waitReady();
      return new Scene(underlay, host, lan, weftd, dockersOwn);
    } catch (error) {
      await underlay[Symbol.asyncDispose]();
      throw error;
    }
  }

  get docker(): DockerClient {
    return this.host.docker;
  }

  /** A subnet nobody in this scene has: `10.<64+n>.7.0/24`. Not from weft's own range of automatic pools. */
  takeSubnet(): { readonly subnet: string; readonly base: string } {
    this.#subnets += 1;
    const base = `10.200.${this.#subnets}`;
    return { subnet: `${base}.0/24`, base };
  }

  /** A ULA /64 nobody in this scene has. */
  takeSubnet6(): { readonly subnet: string; readonly base: string } {
    this.#subnets += 1;
    const base = `fd00:5ce:${this.#subnets.toString(16)}::`;
    return { subnet: `${base}/64`, base };
  }

  /** Makes a weft-bridge network with weft's IPAM and gives its id. */
  network(name: string, spec: Partial<NetworkSpec> = {}): Promise<string> {
    return this.docker.createNetwork({ name, driver: 'weft-bridge', ipamDriver: 'weft', ...spec });
  }

  /** Starts a container that answers on its ports with its name, and waits until it does. */
  async server(name: string, network: string, spec: ContainerSpec = {}): Promise<Container> {
    const container = await this.docker.runContainer({
      name,
      network,
      cmd: serverCommand(),
      env: { NAME: name },
      ...spec,
    });
    await until(`${name} serves`, async () => {
      const sockets = await container.netExec(['ss', '-Hlntu', 'sport = :80 or sport = :81']);
      return sockets.trim().split('\n').length === SERVER_SOCKETS;
    });
    return container;
  }

  /** Starts a container that only sleeps. */
  client(name: string, network: string, spec: ContainerSpec = {}): Promise<Container> {
    return this.docker.runContainer({ name, network, ...spec });
  }

  /** Removes every container and every network that a test made. */
  async clear(): Promise<void> {
    for (const container of await this.docker.listContainers()) await container.remove();
    for (const network of await this.docker.listNetworks()) {
      if (!['bridge', 'host', 'none'].includes(network.Name)) await this.docker.removeNetwork(network.Id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#underlay[Symbol.asyncDispose]();
  }
}

/** Docker makes chains and addresses at first use and keeps them: they must not look like weft's. */
async function useDockersOwn(host: Host): Promise<readonly string[]> {
  const container = await host.docker.runContainer({ ports: ['127.0.0.1:8080:80'] });
  await container.remove();
  return until('Docker’s link is gone', async () => {
    const own = await host.leaks();
    return own.some((text) => /^(link|process|mount) /.test(text)) ? undefined : own;
  });
}
