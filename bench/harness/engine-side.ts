import { randomBytes } from 'node:crypto';
import type { BareWeftd } from './bare-weftd.ts';
import { type PluginAnswer, PluginClient } from './plugin-client.ts';

/** A published port as an engine writes it in a Join. */
interface PortMapping {
  readonly Proto: number;
  readonly Port: number;
  readonly IP: string;
  readonly HostIP: string;
  readonly HostPort: number;
  readonly HostPortEnd: number;
}

/** An endpoint this side made. */
export interface BenchEndpoint {
  readonly networkId: string;
  readonly id: string;
  /** With prefix length. */
  readonly address: string;
  /** With prefix length; absent on a network of one subnet. */
  readonly addressIpv6?: string;
  readonly sandbox: string;
}

/** What a network has beside its IPv4 subnet. */
export interface BenchNetwork {
  /** CIDR */
  readonly ipv6?: string;
  /** `-o` of `docker network create`. */
  readonly options?: Readonly<Record<string, string>>;
}

/** Milliseconds a call took, by method without its prefix. */
export type CallTimes = Map<string, number[]>;

const TCP = 6;

/** An engine's part of the plugin protocol, without an engine: calls in the order an engine makes them. */
export class EngineSide implements AsyncDisposable {
  readonly times: CallTimes = new Map();
  readonly #driver: PluginClient;
  readonly #ipam: PluginClient;
  /** Pool ids of each network, IPv4 first. */
  readonly #pools = new Map<string, readonly string[]>();

  constructor(weftd: BareWeftd, driver = 'weft-bridge') {
    this.#driver = new PluginClient(weftd.path(`/run/docker/plugins/${driver}.sock`));
    this.#ipam = new PluginClient(weftd.path('/run/docker/plugins/weft.sock'));
  }

  /** Makes a network of one IPv4 subnet (CIDR), perhaps an IPv6 one too, and gives its id. */
  async createNetwork(subnet: string, { ipv6, options = {} }: BenchNetwork = {}): Promise<string> {
    const id = randomId();
    const ipv4 = await this.#requestPool(subnet, false);
    const second = ipv6 === undefined ? [] : [await this.#requestPool(ipv6, true)];
    this.#pools.set(
      id,
      [ipv4, ...second].map(({ pool }) => pool),
    );
    await this.#timed(this.#driver, 'NetworkDriver.CreateNetwork', {
      NetworkID: id,
      Options: {
        'com.docker.network.enable_ipv6': ipv6 !== undefined,
        'com.docker.network.generic': options,
      },
      IPv4Data: [ipv4.data],
      IPv6Data: second.map(({ data }) => data),
    });
    return id;
  }

  async deleteNetwork(id: string): Promise<void> {
    await this.#timed(this.#driver, 'NetworkDriver.DeleteNetwork', { NetworkID: id });
    for (const PoolID of this.#poolsOf(id))
      await this.#timed(this.#ipam, 'IpamDriver.ReleasePool', { PoolID });
    this.#pools.delete(id);
  }

  /** RequestAddress, CreateEndpoint, Join: an endpoint whose container end waits to be moved. */
  async join(networkId: string, hostPorts: readonly number[]): Promise<BenchEndpoint> {
    const id = randomId();
    const sandbox = `/run/docker/netns/${id.slice(0, 12)}`;
    const [ipv4 = '', ipv6] = this.#poolsOf(networkId);
    const address = await this.#address(ipv4, {}, 'RequestAddress');
    const second = ipv6 === undefined ? {} : { addressIpv6: await this.#address(ipv6, {}, 'RequestAddress') };
    const PortMap = hostPorts.map(portMapping);
    const ports = {
      'com.docker.network.endpoint.exposedports': PortMap.map(({ Proto, Port }) => ({ Proto, Port })),
      'com.docker.network.portmap': PortMap,
    };
    const Interface = { Address: address, AddressIPv6: second.addressIpv6 ?? '', MacAddress: '' };
    const created = { NetworkID: networkId, EndpointID: id, Interface, Options: ports };
    await this.#timed(this.#driver, 'NetworkDriver.CreateEndpoint', created);
    const joined = { NetworkID: networkId, EndpointID: id, SandboxKey: sandbox, Options: ports };
    await this.#timed(this.#driver, 'NetworkDriver.Join', joined);
    return { networkId, id, address, ...second, sandbox };
  }

  /** Publishes the ports named at Join; milliseconds the call took. */
  program({ networkId, id }: BenchEndpoint): Promise<number> {
    return this.#external('ProgramExternalConnectivity', networkId, id);
  }

  /** Takes the ports away; milliseconds the call took. */
  revoke({ networkId, id }: BenchEndpoint): Promise<number> {
    return this.#external('RevokeExternalConnectivity', networkId, id);
  }

  /** Leave, DeleteEndpoint, ReleaseAddress. */
  async remove({ networkId, id, address, addressIpv6 }: BenchEndpoint): Promise<void> {
    const endpoint = { NetworkID: networkId, EndpointID: id };
    await this.#timed(this.#driver, 'NetworkDriver.Leave', endpoint);
    await this.#timed(this.#driver, 'NetworkDriver.DeleteEndpoint', endpoint);
    const pools = this.#poolsOf(networkId);
    for (const [index, each] of [address, addressIpv6].entries()) {
      if (each === undefined) continue;
      const released = { PoolID: pools[index], Address: each.split('/')[0] };
      await this.#timed(this.#ipam, 'IpamDriver.ReleaseAddress', released);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#driver[Symbol.asyncDispose](), this.#ipam[Symbol.asyncDispose]()]);
  }

  async #external(method: string, networkId: string, id: string): Promise<number> {
    const argument = { NetworkID: networkId, EndpointID: id, Options: {} };
    const { ms } = await this.#driver.call(`NetworkDriver.${method}`, argument);
    this.#note(method, ms);
    return ms;
  }

  async #address(pool: string, options: object, name: string): Promise<string> {
    const argument = { PoolID: pool, Address: '', Options: options };
    const { ms, answer } = await this.#ipam.call('IpamDriver.RequestAddress', argument);
    this.#note(name, ms);
    return String(answer['Address']);
  }

  async #timed(client: PluginClient, method: string, argument: object): Promise<PluginAnswer['answer']> {
    const { ms, answer } = await client.call(method, argument);
    this.#note(method.slice(method.indexOf('.') + 1), ms);
    return answer;
  }

  #note(name: string, ms: number): void {
    const times = this.times.get(name);
    if (times === undefined) this.times.set(name, [ms]);
    else times.push(ms);
  }

  async #requestPool(
    subnet: string,
    isIpv6: boolean,
  ): Promise<{ readonly pool: string; readonly data: object }> {
    const request = { AddressSpace: 'WeftLocal', Pool: subnet, SubPool: '', Options: {}, V6: isIpv6 };
    const { PoolID } = (await this.#timed(this.#ipam, 'IpamDriver.RequestPool', request)) as {
      PoolID: string;
    };
    const Options = { RequestAddressType: 'com.docker.network.gateway' };
    const gateway = await this.#address(PoolID, Options, 'RequestAddress (gateway)');
    return { pool: PoolID, data: { AddressSpace: 'WeftLocal', Gateway: gateway, Pool: subnet } };
  }

  #poolsOf(networkId: string): readonly string[] {
    const pools = this.#pools.get(networkId);
    if (pools === undefined) throw new Error(`network ${networkId} was not made here`);
    return pools;
  }
}

function randomId(): string {
  return randomBytes(32).toString('hex');
}

function portMapping(port: number): PortMapping {
  return { Proto: TCP, Port: port, IP: '', HostIP: '', HostPort: port, HostPortEnd: port };
}
