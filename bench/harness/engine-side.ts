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
  readonly sandbox: string;
}

/** Milliseconds a call took, by method without its prefix. */
export type CallTimes = Map<string, number[]>;

const TCP = 6;

/** An engine's part of the plugin protocol, without an engine: calls in the order an engine makes them. */
export class EngineSide implements AsyncDisposable {
  readonly times: CallTimes = new Map();
  readonly #driver: PluginClient;
  readonly #ipam: PluginClient;
  readonly #pools = new Map<string, string>();

  constructor(weftd: BareWeftd) {
    this.#driver = new PluginClient(weftd.path('/run/docker/plugins/weft-bridge.sock'));
    this.#ipam = new PluginClient(weftd.path('/run/docker/plugins/weft.sock'));
  }

  /** Makes a network of one IPv4 subnet (CIDR) and gives its id. */
  async createNetwork(subnet: string): Promise<string> {
    const id = randomId();
    const request = { AddressSpace: 'WeftLocal', Pool: subnet, SubPool: '', Options: {}, V6: false };
    const { PoolID } = (await this.#timed(this.#ipam, 'IpamDriver.RequestPool', request)) as {
      PoolID: string;
    };
    const Options = { RequestAddressType: 'com.docker.network.gateway' };
    const gateway = await this.#address(PoolID, Options, 'RequestAddress (gateway)');
    this.#pools.set(id, PoolID);
    await this.#timed(this.#driver, 'NetworkDriver.CreateNetwork', {
      NetworkID: id,
      Options: { 'com.docker.network.enable_ipv6': false, 'com.docker.network.generic': {} },
      IPv4Data: [{ AddressSpace: 'WeftLocal', Gateway: gateway, Pool: subnet }],
      IPv6Data: [],
    });
    return id;
  }

  async deleteNetwork(id: string): Promise<void> {
    await this.#timed(this.#driver, 'NetworkDriver.DeleteNetwork', { NetworkID: id });
    await this.#timed(this.#ipam, 'IpamDriver.ReleasePool', { PoolID: this.#pool(id) });
    this.#pools.delete(id);
  }

  /** RequestAddress, CreateEndpoint, Join: an endpoint whose container end waits to be moved. */
  async join(networkId: string, hostPorts: readonly number[]): Promise<BenchEndpoint> {
    const id = randomId();
    const sandbox = `/run/docker/netns/${id.slice(0, 12)}`;
    const address = await this.#address(this.#pool(networkId), {}, 'RequestAddress');
    const PortMap = hostPorts.map(portMapping);
    const ports = {
      'com.docker.network.endpoint.exposedports': PortMap.map(({ Proto, Port }) => ({ Proto, Port })),
      'com.docker.network.portmap': PortMap,
    };
    const Interface = { Address: address, AddressIPv6: '', MacAddress: '' };
    const created = { NetworkID: networkId, EndpointID: id, Interface, Options: ports };
    await this.#timed(this.#driver, 'NetworkDriver.CreateEndpoint', created);
    const joined = { NetworkID: networkId, EndpointID: id, SandboxKey: sandbox, Options: ports };
    await this.#timed(this.#driver, 'NetworkDriver.Join', joined);
    return { networkId, id, address, sandbox };
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
  async remove({ networkId, id, address }: BenchEndpoint): Promise<void> {
    const endpoint = { NetworkID: networkId, EndpointID: id };
    await this.#timed(this.#driver, 'NetworkDriver.Leave', endpoint);
    await this.#timed(this.#driver, 'NetworkDriver.DeleteEndpoint', endpoint);
    const released = { PoolID: this.#pool(networkId), Address: address.split('/')[0] };
    await this.#timed(this.#ipam, 'IpamDriver.ReleaseAddress', released);
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

  #pool(networkId: string): string {
    const pool = this.#pools.get(networkId);
    if (pool === undefined) throw new Error(`network ${networkId} was not made here`);
    return pool;
  }
}

function randomId(): string {
  return randomBytes(32).toString('hex');
}

function portMapping(port: number): PortMapping {
  return { Proto: TCP, Port: port, IP: '', HostIP: '', HostPort: port, HostPortEnd: port };
}
