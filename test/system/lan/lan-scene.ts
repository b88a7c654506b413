import {
  type Container,
  type ContainerSpec,
  createHost,
  createMachine,
  createUnderlay,
  type EngineSeries,
  type Host,
  type Machine,
  type NetworkSpec,
  type Underlay,
  until,
  type Weftd,
} from '../../lab/index.ts';
import { SERVER_SOCKETS, serverCommand } from '../bridge/probe.ts';

/** A host of the scene: `eth0` is its device on the LAN. */
export interface LanHost {
  readonly host: Host;
  weftd: Weftd;
}

/** Addresses of one container on the LAN. */
export interface LanAddress {
  readonly ip: string;
  readonly ip6: string;
}

/** One LAN with a router, two hosts that run weftd, and another machine that answers on its ports as `lan`. */
export class LanScene implements AsyncDisposable {
  readonly underlay: Underlay;
  readonly one: LanHost;
  readonly two: LanHost;
  readonly lan: Machine;

  private constructor(underlay: Underlay, one: LanHost, two: LanHost, lan: Machine) {
    this.underlay = underlay;
    this.one = one;
    this.two = two;
    this.lan = lan;
  }

  static async open(engine: EngineSeries): Promise<LanScene> {
    const underlay = await createUnderlay();
    try {
      const boot = async (): Promise<LanHost> => {
        const host = await createHost({ underlay, engine });
        const weftd = await host.startWeftd(['--ui', 'off', '--metrics', 'off']);
        await weftd.waitReady();
        return { host, weftd };
      };
      const [one, two, lan] = await Promise.all([boot(), boot(), createMachine(underlay)]);
      await lan.spawn(serverCommand().with(2, `export NAME=lan; ${serverCommand()[2]}`));
      return new LanScene(underlay, one, two, lan);
    } catch (error) {
      await underlay[Symbol.asyncDispose]();
      throw error;
    }
  }

  get hosts(): readonly [LanHost, LanHost] {
    return [this.one, this.two];
  }

  /** Addresses of the LAN that nobody has. */
  takeAddress(): LanAddress {
    return this.underlay.takeAddress();
  }

  /** A network on the LAN, by way of `eth0` unless `options` say otherwise; its gateway is the LAN's router. */
  async network(on: LanHost, spec: NetworkSpec): Promise<string> {
    const { prefix4, prefix6 } = this.underlay;
    const subnets = [
      { subnet: `${prefix4}.0/24`, gateway: `${prefix4}.1` },
      { subnet: `${prefix6}/64`, gateway: `${prefix6}1` },
    ];
    return on.host.docker.createNetwork({
      driver: 'weft-macvlan',
      ipamDriver: 'default',
      ipv6: true,
      subnets,
      ...spec,
      options: { parent: 'eth0', ...spec.options },
    });
  }

  /** Starts a container that answers on its ports with its name, and waits until it does. */
  async server(on: LanHost, name: string, network: string, spec: ContainerSpec = {}): Promise<LanContainer> {
    const address = this.takeAddress();
    const container = await on.host.docker.runContainer({
      name,
      network,
      cmd: serverCommand(),
      env: { NAME: name },
      ...address,
      ...spec,
    });
    await until(`${name} serves`, async () => {
      const sockets = await container.netExec(['ss', '-Hlntu', 'sport = :80 or sport = :81']);
      return sockets.trim().split('\n').length === SERVER_SOCKETS;
    });
    const { ip = address.ip, ip6 = address.ip6 } = spec;
    return { container, name, ip, ip6 };
  }

  /** Removes every container and every network that a test made. */
  async clear(): Promise<void> {
    for (const { host } of this.hosts) {
      for (const container of await host.docker.listContainers()) await container.remove();
      for (const network of await host.docker.listNetworks()) {
        if (!['bridge', 'host', 'none'].includes(network.Name)) await host.docker.removeNetwork(network.Id);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.underlay[Symbol.asyncDispose]();
  }
}

/** A container that serves, with its addresses. */
export interface LanContainer extends LanAddress {
  readonly container: Container;
  readonly name: string;
}

export async function restartWeftd(on: LanHost): Promise<void> {
  if (on.weftd.running) await on.weftd.stop();
  on.weftd = await on.host.startWeftd(['--ui', 'off', '--metrics', 'off']);
  await on.weftd.waitReady();
}

export async function hostRoutes({ host }: LanHost): Promise<string> {
  return (await host.exec(['ip', 'route'])) + (await host.exec(['ip', '-6', 'route']));
}
