import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';
import { FaultHost } from '../system/faults/fault-host.ts';

/** What Join answers, as far as a link on a LAN goes. */
interface Joined {
  readonly InterfaceName: { readonly SrcName: string; readonly DstPrefix: string };
  readonly Gateway?: string;
  readonly StaticRoutes?: readonly { readonly Destination: string; readonly RouteType: number }[];
}

/** A container's namespace on a LAN, with its address. */
export interface LanSandbox {
  readonly namespace: ScratchNamespace;
  readonly ip: string;
  readonly networkId: string;
  readonly endpointId: string;
}

const HOST_ADDRESS = 'ip address add 10.9.0.1/24 dev eth0; ip link set eth0 up';
const OPTIONS = 'com.docker.network.generic';

/**
 * A LAN of one switch with another machine on it (10.9.0.2, on VLAN 50 10.9.50.2) and a host that runs weftd
 * (10.9.0.1). Containers are namespaces into which links are moved as dockerd does it.
 */
export class LanHost implements AsyncDisposable {
  readonly host: FaultHost;
  readonly machine: ScratchNamespace;
  readonly #lan: ScratchNamespace;
  readonly #sandboxes: ScratchNamespace[] = [];
  #ids = 0;

  private constructor(host: FaultHost, machine: ScratchNamespace, lan: ScratchNamespace) {
    this.host = host;
    this.machine = machine;
    this.#lan = lan;
  }

  static async open(): Promise<LanHost> {
    const [host, machine, lan] = await Promise.all([
      FaultHost.open(),
      openScratchNamespace(),
      openScratchNamespace(),
    ]);
    lan.run('ip link add lan type bridge; ip link set lan up');
    plug(lan, 'one', host.namespace);
    host.namespace.run(HOST_ADDRESS);
    plug(lan, 'two', machine);
    machine.run(`
      ip link set lo up
      ip address add 10.9.0.2/24 dev eth0; ip link set eth0 up
      ip link add link eth0 name eth0.50 type vlan id 50
      ip address add 10.9.50.2/24 dev eth0.50; ip link set eth0.50 up`);
    await host.startWeftd();
    return new LanHost(host, machine, lan);
  }

  /** The host's device goes, with what stands on it, and another comes, with another MAC. */
  replaceDevice(): void {
    this.host.namespace.run('ip link delete eth0');
    plug(this.#lan, 'one', this.host.namespace);
    this.host.namespace.run(HOST_ADDRESS);
  }

  /** Makes a network. @throws {Error} with weftd's refusal. */
  async network(
    driver: 'weft-macvlan' | 'weft-ipvlan',
    subnet: string,
    options: Readonly<Record<string, string>>,
    more: { readonly gateway?: string; readonly aux?: Readonly<Record<string, string>> } = {},
  ): Promise<string> {
    this.#ids += 1;
    const id = `${this.#ids}`.padStart(4, '0').padEnd(64, 'a');
    const pool = {
      AddressSpace: 'LocalDefault',
      Pool: subnet,
      ...(more.gateway === undefined ? {} : { Gateway: more.gateway }),
      AuxAddresses: more.aux ?? {},
    };
    const argument = { NetworkID: id, Options: { [OPTIONS]: options }, IPv4Data: [pool], IPv6Data: [] };
    await this.host.done('NetworkDriver.CreateNetwork', argument, driver);
    return id;
  }

  async removeNetwork(driver: string, id: string): Promise<void> {
    await this.host.done('NetworkDriver.DeleteNetwork', { NetworkID: id }, driver);
  }

  /** Starts a container, as dockerd plumbs it. @param options of its endpoint. */
  async container(
    driver: string,
    networkId: string,
    ip: string,
    options: Readonly<Record<string, string>> = {},
  ): Promise<LanSandbox> {
    return this.connect(await this.sandbox(), driver, networkId, ip, options);
  }

  /** A container's namespace, on no network yet. */
  async sandbox(): Promise<ScratchNamespace> {
    const namespace = await openScratchNamespace();
    this.#sandboxes.push(namespace);
    namespace.run('ip link set lo up');
    return namespace;
  }

  /** Connects a container that runs. */
  async connect(
    namespace: ScratchNamespace,
    driver: string,
    networkId: string,
    ip: string,
    options: Readonly<Record<string, string>> = {},
  ): Promise<LanSandbox> {
    this.#ids += 1;
    const endpointId = `${this.#ids}`.padStart(4, '0').padEnd(64, 'e');
    const ids = { NetworkID: networkId, EndpointID: endpointId };
    const made = await this.host.done(
      'NetworkDriver.CreateEndpoint',
      { ...ids, Interface: { Address: `${ip}/24`, AddressIPv6: '', MacAddress: '' }, Options: options },
      driver,
    );
    const { MacAddress: mac } = (made['Interface'] ?? {}) as { readonly MacAddress?: string };
    const joined = (await this.host.done(
      'NetworkDriver.Join',
      { ...ids, SandboxKey: namespace.path, Options: {} },
      driver,
    )) as unknown as Joined;
    this.host.namespace.run(`ip link set ${joined.InterfaceName.SrcName} netns ${namespace.pid} name eth0`);
    const routes = (joined.StaticRoutes ?? []).map(
      ({ Destination }) => `ip route add ${Destination} dev eth0`,
    );
    namespace.run(`
      ${mac ? `ip link set eth0 address ${mac}` : ''}
      ip address add ${ip}/24 dev eth0
      ip link set eth0 up
      ${joined.Gateway ? `ip route add default via ${joined.Gateway}` : ''}
      ${routes.join('\n')}`);
    return { namespace, ip, networkId, endpointId };
  }

  /** Ends a container: its sandbox, and with it its link, then what dockerd says of it. */
  async remove(driver: string, sandbox: LanSandbox): Promise<void> {
    sandbox.namespace[Symbol.dispose]();
    await this.#leave(driver, sandbox);
  }

  /** Disconnects a container, which goes on. */
  async disconnect(driver: string, sandbox: LanSandbox): Promise<void> {
    sandbox.namespace.run('ip link delete eth0');
    await this.#leave(driver, sandbox);
  }

  async #leave(driver: string, { networkId, endpointId }: LanSandbox): Promise<void> {
    const ids = { NetworkID: networkId, EndpointID: endpointId };
    await this.host.done('NetworkDriver.Leave', ids, driver);
    await this.host.done('NetworkDriver.DeleteEndpoint', ids, driver);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#sandboxes) each[Symbol.dispose]();
    await this.host[Symbol.asyncDispose]();
    for (const each of [this.machine, this.#lan]) each[Symbol.dispose]();
  }
}

/** Gives a machine its device on the LAN, by a port of the switch. */
function plug(lan: ScratchNamespace, port: string, { pid }: ScratchNamespace): void {
  lan.run(`ip link add ${port} type veth peer name eth0 netns ${pid}; ip link set ${port} master lan up`);
}

/** Whether an echo is answered. */
export function echoes(from: ScratchNamespace, ip: string): boolean {
  try {
    from.run(`ping -n -c 3 -i 0.3 -W 2 ${ip} | grep -q ' [123] received'`);
    return true;
  } catch {
    return false;
  }
}
