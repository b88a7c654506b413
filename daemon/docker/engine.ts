import { Client } from 'undici';
import { errorMessage, Unavailable } from '../../core/errors.ts';

/** What weft asks of the Docker Engine API. Never call it from inside a plugin call: dockerd waits for the answer. */
export interface Engine extends AsyncDisposable {
  /** Engine version; undefined when the API does not answer. */
  version(): Promise<string | undefined>;
  /** @throws {Unavailable} when the API does not answer. */
  networks(): Promise<readonly EngineNetwork[]>;
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
    readonly aux: readonly string[];
  }[];
  readonly endpoints: readonly {
    readonly id: string;
    readonly container: string;
    readonly name: string;
    readonly ipv4: string;
    readonly ipv6: string;
  }[];
}

interface ApiNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly IPAM?: { readonly Driver?: string; readonly Config?: readonly ApiIpamConfig[] | null };
  readonly Containers?: Readonly<Record<string, ApiContainer>> | null;
}

interface ApiIpamConfig {
  readonly Subnet?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>> | null;
}

interface ApiContainer {
  readonly Name?: string;
  readonly EndpointID?: string;
  readonly IPv4Address?: string;
  readonly IPv6Address?: string;
}

/** The engine behind a Unix socket; without a version in the path, so every engine answers in its own. */
export function openEngine(socketPath: string): Engine {
  const client = new Client('http://docker', { socketPath, headersTimeout: 10_000, bodyTimeout: 10_000 });

  async function get<Answer>(path: string): Promise<Answer> {
    try {
      const { statusCode, body } = await client.request({ method: 'GET', path });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`status ${statusCode}: ${text.slice(0, 200)}`);
      return JSON.parse(text) as Answer;
    } catch (error) {
      throw new Unavailable(
        `Docker API ${path} on ${socketPath}: ${errorMessage(error)}`,
        {},
        { cause: error },
      );
    }
  }

  return {
    async version() {
      try {
        return (await get<{ readonly Version: string }>('/version')).Version;
      } catch (error) {
        if (error instanceof Unavailable) return undefined;
        throw error;
      }
    },
    async networks() {
      const listed = await get<readonly ApiNetwork[]>('/networks');
      const networks: EngineNetwork[] = [];
      for (const { Id } of listed) {
        // The list leaves containers out; a network removed meanwhile is simply absent next time.
        const detail = await get<ApiNetwork>(`/networks/${encodeURIComponent(Id)}`).catch(
          (error: unknown) => {
            if (errorMessage(error).includes('status 404')) return undefined;
            throw error;
          },
        );
        if (detail !== undefined) networks.push(engineNetwork(detail));
      }
      return networks;
    },
    [Symbol.asyncDispose]: () => client.destroy(),
  };
}

function engineNetwork({ Id, Name, Driver, IPAM, Containers }: ApiNetwork): EngineNetwork {
  return {
    id: Id,
    name: Name,
    driver: Driver,
    ipamDriver: IPAM?.Driver ?? 'default',
    subnets: (IPAM?.Config ?? []).map((each) => ({
      subnet: each.Subnet ?? '',
      ...(each.Gateway === undefined || each.Gateway === '' ? {} : { gateway: each.Gateway }),
      aux: Object.values(each.AuxiliaryAddresses ?? {}),
    })),
    endpoints: Object.entries(Containers ?? {}).map(([container, each]) => ({
      id: each.EndpointID ?? '',
      container,
      name: each.Name ?? '',
      ipv4: (each.IPv4Address ?? '').split('/')[0] ?? '',
      ipv6: (each.IPv6Address ?? '').split('/')[0] ?? '',
    })),
  };
}
