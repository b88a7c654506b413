import type { CommandOptions, CommandResult } from './command.ts';
import { Container } from './container.ts';
import type { EngineApi, EngineObject } from './engine-api.ts';
import { IMAGE } from './image.ts';
import type { LabProcess } from './lab-process.ts';
import {
  type ContainerSpec,
  containerRequest,
  endpointRequest,
  type NetworkSpec,
  networkRequest,
} from './requests.ts';

/** The part of `GET /networks/ID` that tests look at. */
export interface NetworkDetails {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Internal: boolean;
  readonly EnableIPv6: boolean;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly IPAM: {
    readonly Driver: string;
    readonly Options: Readonly<Record<string, string>> | null;
    readonly Config:
      | readonly { readonly Subnet: string; readonly Gateway?: string; readonly IPRange?: string }[]
      | null;
  };
  readonly Containers: Readonly<
    Record<
      string,
      { Name: string; EndpointID: string; MacAddress: string; IPv4Address: string; IPv6Address: string }
    >
  >;
}

/** One entry of `GET /events`. */
export interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

/** Runs programs inside the host of an engine. */
export interface HostExec {
  readonly exec: (argv: readonly string[], options?: CommandOptions) => Promise<string>;
  readonly tryExec: (argv: readonly string[], options?: CommandOptions) => Promise<CommandResult>;
  readonly spawn: (argv: readonly string[]) => Promise<LabProcess>;
}

/** A host's Docker Engine, by its API. Refusals come as {@link EngineRefused} with the Engine's message. */
export class DockerClient {
  readonly api: EngineApi;
  readonly hostExec: HostExec['exec'];
  readonly tryHostExec: HostExec['tryExec'];
  readonly hostSpawn: HostExec['spawn'];
  #containers = 0;

  constructor(api: EngineApi, host: HostExec) {
    this.api = api;
    this.hostExec = host.exec;
    this.tryHostExec = host.tryExec;
    this.hostSpawn = host.spawn;
  }

  info(): Promise<EngineObject> {
    return this.api.json({ method: 'GET', path: '/info' });
  }

  version(): Promise<EngineObject & { readonly Version: string; readonly ApiVersion: string }> {
    return this.api.json({ method: 'GET', path: '/version' });
  }

  /** Makes a network and gives its id. */
  async createNetwork(spec: NetworkSpec): Promise<string> {
    const json = networkRequest(spec);
    return (await this.api.json<{ Id: string }>({ method: 'POST', path: '/networks/create', json })).Id;
  }

  async removeNetwork(network: string): Promise<void> {
    await this.api.text({ method: 'DELETE', path: `/networks/${encodeURIComponent(network)}` });
  }

  inspectNetwork(network: string): Promise<NetworkDetails> {
    return this.api.json({ method: 'GET', path: `/networks/${encodeURIComponent(network)}` });
  }

  listNetworks(): Promise<readonly NetworkDetails[]> {
    return this.api.json({ method: 'GET', path: '/networks' });
  }

  /** Makes a container from the lab image (`sleep` for ever if no command is given) and does not start it. */
  async createContainer(spec: ContainerSpec = {}): Promise<Container> {
    this.#containers += 1;
    const name = spec.name ?? `c${this.#containers}`;
    const path = `/containers/create?name=${encodeURIComponent(name)}`;
    const json = containerRequest({ image: IMAGE, ...spec });
    const { Id } = await this.api.json<{ Id: string }>({ method: 'POST', path, json });
    return new Container(this, Id, name);
  }

  /** Makes a container and starts it; when it does not start it is removed again and the call rejects. */
  async runContainer(spec: ContainerSpec = {}): Promise<Container> {
    const container = await this.createContainer(spec);
    try {
      await container.start();
    } catch (error) {
      await container.remove();
      throw error;
    }
    return container;
  }

  /** A container that exists already, by name or id. */
  async container(name: string): Promise<Container> {
    const path = `/containers/${encodeURIComponent(name)}/json`;
    const { Id, Name } = await this.api.json<{ Id: string; Name: string }>({ method: 'GET', path });
    return new Container(this, Id, Name.slice(1));
  }

  /** Every container, running or not. */
  async listContainers(): Promise<Container[]> {
    const path = '/containers/json?all=1';
    const list = await this.api.json<{ Id: string; Names: string[] }[]>({ method: 'GET', path });
    return list.map(({ Id, Names }) => new Container(this, Id, (Names[0] ?? '/').slice(1)));
  }

  /** Connects a container, with a fixed address, aliases or driver options if given in `endpoint`. */
  async connect(
    network: string,
    container: Container,
    endpoint: Pick<ContainerSpec, 'ip' | 'ip6' | 'mac' | 'aliases' | 'driverOpts'> = {},
  ): Promise<void> {
    const json = { Container: container.id, EndpointConfig: endpointRequest(endpoint) };
    await this.api.text({ method: 'POST', path: `/networks/${encodeURIComponent(network)}/connect`, json });
  }

  /** Disconnects a container; `force` also when the plugin does not play along. */
  async disconnect(
    network: string,
    container: Container,
    options: { readonly force?: boolean } = {},
  ): Promise<void> {
    const json = { Container: container.id, Force: options.force ?? false };
    await this.api.text({
      method: 'POST',
      path: `/networks/${encodeURIComponent(network)}/disconnect`,
      json,
    });
  }

  /** Events from now on, until `signal` aborts. */
  events(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    return this.api.lines('/events', signal);
  }
}
