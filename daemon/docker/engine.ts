import { Conflict, Unavailable } from '../../core/errors.ts';
import { UnixHttp } from './unix-http.ts';

/** What weft asks of the Docker Engine API. Never call it from inside a plugin call: dockerd waits for the answer. */
export interface Engine extends AsyncDisposable {
  /** Engine version; undefined when the API does not answer. */
  version(): Promise<string | undefined>;
  /** @throws {Unavailable} when the API does not answer. */
  networks(): Promise<readonly EngineNetwork[]>;
  /** @returns undefined when there is no such network. @throws {Unavailable} when the API does not answer. */
  network(id: string): Promise<EngineNetwork | undefined>;
  /**
   * Makes a network; its id.
   * @param body as of `POST /networks/create`.
   * @throws {Conflict} when the engine refuses, with its reason. {Unavailable}
   */
  createNetwork(body: object): Promise<string>;
  /** Removes a network; one that is gone is fine. @throws {Conflict} while containers are on it. {Unavailable} */
  removeNetwork(id: string): Promise<void>;
  /**
   * A container's sandbox and ports; undefined when it does not exist.
   * @throws {Unavailable} when the API does not answer, as while the container is being started.
   */
  container(id: string): Promise<EngineContainer | undefined>;
  /** Containers that run and have a label, whatever its value. @throws {Unavailable} when the API does not answer. */
  labelled(label: string): Promise<readonly LabelledContainer[]>;
  /**
   * One item for each event that can change a name or who has an endpoint, until `signal` aborts.
   * @throws {Unavailable} when the stream cannot be opened or breaks.
   */
  nameEvents(signal: AbortSignal): AsyncIterable<void>;
}

/** What the engine knows of a container's networking. */
export interface EngineContainer {
  readonly sandboxKey: string;
  /** How many networks it is on. */
  readonly networks: number;
  /** `80/tcp` → where it is published; port texts may be empty. */
  readonly bindings: Readonly<
    Record<string, readonly { readonly hostIp: string; readonly hostPort: string }[]>
  >;
  /** `80/tcp`, published or not. */
  readonly exposed: readonly string[];
  /** `--dns`. */
  readonly dns: readonly string[];
}

/** A container in a list. */
export interface LabelledContainer {
  readonly id: string;
  readonly name: string;
  /** `host`, `container:ID`, or the name of its first network. */
  readonly networkMode: string;
}

/** A network as the engine knows it, with its live endpoints. */
export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly ipamDriver: string;
  /** IPAM configuration as given or allocated. */
  readonly subnets: readonly {
    readonly subnet: string;
    readonly gateway?: string;
    readonly ipRange?: string;
    /** Auxiliary addresses by name. */
    readonly aux: Readonly<Record<string, string>>;
  }[];
  /** `-o key=value` as given. */
  readonly options: Readonly<Record<string, string>>;
  readonly internal: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  readonly endpoints: readonly {
    readonly id: string;
    readonly container: string;
    readonly name: string;
    readonly mac: string;
    /** With prefix length; empty when there is none. */
    readonly ipv4: string;
    readonly ipv6: string;
  }[];
}

interface ApiNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Internal?: boolean;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6?: boolean;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly IPAM?: { readonly Driver?: string; readonly Config?: readonly ApiIpamConfig[] | null };
  readonly Containers?: Readonly<Record<string, ApiContainer>> | null;
}

interface ApiIpamConfig {
  readonly Subnet?: string;
  readonly Gateway?: string;
  readonly IPRange?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>> | null;
}

interface ApiContainerDetail {
  readonly Config?: { readonly ExposedPorts?: Readonly<Record<string, object>> | null };
  readonly HostConfig?: {
    readonly Dns?: readonly string[] | null;
    readonly PortBindings?: Readonly<
      Record<string, readonly { HostIp?: string; HostPort?: string }[] | null>
    > | null;
  };
  readonly NetworkSettings?: {
    readonly SandboxKey?: string;
    readonly Networks?: Readonly<Record<string, object>> | null;
  };
}

interface ApiListedContainer {
  readonly Id: string;
  readonly Names?: readonly string[];
  readonly HostConfig?: { readonly NetworkMode?: string };
}

interface ApiContainer {
  readonly Name?: string;
  readonly EndpointID?: string;
  readonly MacAddress?: string;
  readonly IPv4Address?: string;
  readonly IPv6Address?: string;
}

const NAME_EVENTS = {
  type: ['network', 'container'],
  event: ['create', 'connect', 'disconnect', 'rename', 'start'],
};

/** The engine behind a Unix socket; without a version in the path, so every engine answers in its own. */
export function openEngine(socketPath: string): Engine {
  const http = new UnixHttp(socketPath);
  return {
    async version() {
      try {
        return (await http.json<{ readonly Version: string }>('/version'))?.Version;
      } catch (error) {
        if (error instanceof Unavailable) return undefined;
        throw error;
      }
    },
    async networks() {
      const listed = (await http.json<readonly ApiNetwork[]>('/networks')) ?? [];
      const networks: EngineNetwork[] = [];
      for (const { Id } of listed) {
        // The list leaves containers out; a network removed meanwhile is simply absent next time.
        const detail = await http.json<ApiNetwork>(`/networks/${encodeURIComponent(Id)}`);
        if (detail !== undefined) networks.push(engineNetwork(detail));
      }
      return networks;
    },
    async network(id) {
      const detail = await http.json<ApiNetwork>(`/networks/${encodeURIComponent(id)}`);
      return detail === undefined ? undefined : engineNetwork(detail);
    },
    async labelled(label) {
      const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
      const listed = await http.json<readonly ApiListedContainer[]>(`/containers/json?filters=${filters}`);
      return (listed ?? []).map(({ Id, Names, HostConfig }) => ({
        id: Id,
        name: Names?.[0]?.slice(1) ?? '',
        networkMode: HostConfig?.NetworkMode ?? '',
      }));
    },
    async createNetwork(body) {
      const made = await http.send<{ readonly Id: string }>('POST', '/networks/create', body);
      return made?.Id ?? '';
    },
    async removeNetwork(id) {
      try {
        await http.send('DELETE', `/networks/${encodeURIComponent(id)}`);
      } catch (error) {
        if (!(error instanceof Conflict) || error.context['status'] !== 404) throw error;
      }
    },
    async container(id) {
      const detail = await http.json<ApiContainerDetail>(`/containers/${encodeURIComponent(id)}/json`);
      return detail === undefined ? undefined : engineContainer(detail);
    },
    async *nameEvents(signal) {
      const filters = encodeURIComponent(JSON.stringify(NAME_EVENTS));
      for await (const _line of await http.lines(`/events?filters=${filters}`, signal)) yield;
    },
    [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
  };
}

function engineNetwork(network: ApiNetwork): EngineNetwork {
  return {
    id: network.Id,
    name: network.Name,
    driver: network.Driver,
    ipamDriver: network.IPAM?.Driver ?? 'default',
    subnets: (network.IPAM?.Config ?? []).map(subnet),
    options: network.Options ?? {},
    internal: network.Internal === true,
    enableIpv4: network.EnableIPv4 !== false,
    enableIpv6: network.EnableIPv6 === true,
    endpoints: Object.entries(network.Containers ?? {}).map(([container, each]) => ({
      id: each.EndpointID ?? '',
      container,
      name: each.Name ?? '',
      mac: each.MacAddress ?? '',
      ipv4: each.IPv4Address ?? '',
      ipv6: each.IPv6Address ?? '',
    })),
  };
}

/** Engines show the gateway and auxiliary addresses with or without a prefix length. */
function subnet({
  Subnet,
  Gateway,
  IPRange,
  AuxiliaryAddresses,
}: ApiIpamConfig): EngineNetwork['subnets'][number] {
  const bare = (text: string): string => text.split('/')[0] ?? '';
  return {
    subnet: Subnet ?? '',
    ...(Gateway === undefined || Gateway === '' ? {} : { gateway: bare(Gateway) }),
    ...(IPRange === undefined || IPRange === '' ? {} : { ipRange: IPRange }),
    aux: Object.fromEntries(Object.entries(AuxiliaryAddresses ?? {}).map(([name, ip]) => [name, bare(ip)])),
  };
}

function engineContainer({ Config, HostConfig, NetworkSettings }: ApiContainerDetail): EngineContainer {
  const bindings = Object.entries(HostConfig?.PortBindings ?? {}).map(([port, hosts]) => [
    port,
    (hosts ?? []).map(({ HostIp, HostPort }) => ({ hostIp: HostIp ?? '', hostPort: HostPort ?? '' })),
  ]);
  return {
    sandboxKey: NetworkSettings?.SandboxKey ?? '',
    networks: Object.keys(NetworkSettings?.Networks ?? {}).length,
    bindings: Object.fromEntries(bindings),
    exposed: Object.keys(Config?.ExposedPorts ?? {}),
    dns: HostConfig?.Dns ?? [],
  };
}
