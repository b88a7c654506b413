import { constants } from 'node:os';

/** What names and services need to know of a container. */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
  /** By Docker's own health check, where the container has one. */
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** Milliseconds since the epoch; 0 for never. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Number of the signal with which Docker stops it. */
  readonly stopSignal: number;
  /** DNS servers of its own (`docker run --dns`), where it was given any. */
  readonly dns?: readonly string[];
  readonly endpoints: readonly ContainerEndpoint[];
}

/** One network of a container. */
export interface ContainerEndpoint {
  /** Docker's endpoint id; empty while the container is not on the network. */
  readonly id: string;
  readonly networkId: string;
  readonly networkName: string;
  /** Aliases and, from engines that say them (25 and later), all names in Docker's own DNS. */
  readonly names: readonly string[];
}

/** `GET /containers/ID/json`, as far as it is read. */
export interface ApiContainerFacts {
  readonly Id: string;
  readonly Name?: string;
  readonly State?: {
    readonly Running?: boolean;
    readonly StartedAt?: string;
    readonly FinishedAt?: string;
    readonly Health?: { readonly Status?: string } | null;
  };
  readonly Config?: {
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly StopSignal?: string;
  };
  readonly HostConfig?: { readonly Dns?: readonly string[] | null };
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, ApiEndpoint | null>> | null;
  };
}

interface ApiEndpoint {
  readonly NetworkID?: string;
  readonly EndpointID?: string;
  readonly Aliases?: readonly string[] | null;
  readonly DNSNames?: readonly string[] | null;
}

const HEALTH: Readonly<Record<string, ContainerFacts['health']>> = {
  starting: 'starting',
  healthy: 'healthy',
  unhealthy: 'unhealthy',
};
const SIGTERM = 15;
/** signal(7): what glibc and musl leave of the kernel's 32. */
const SIGRTMIN = 34;

export function containerFacts({
  Id,
  Name,
  State,
  Config,
  HostConfig,
  NetworkSettings,
}: ApiContainerFacts): ContainerFacts {
  const health = HEALTH[State?.Health?.Status ?? ''];
  const dns = HostConfig?.Dns ?? [];
  return {
    id: Id,
    name: (Name ?? '').replace(/^\//, ''),
    labels: Config?.Labels ?? {},
    running: State?.Running === true,
    ...(health && { health }),
    startedAt: time(State?.StartedAt),
    finishedAt: time(State?.FinishedAt),
    stopSignal: signalNumber(Config?.StopSignal ?? '') ?? SIGTERM,
    ...(dns.length > 0 && { dns }),
    endpoints: Object.entries(NetworkSettings?.Networks ?? {}).map(([networkName, endpoint]) => ({
      id: endpoint?.EndpointID ?? '',
      networkId: endpoint?.NetworkID ?? '',
      networkName,
      names: [...(endpoint?.Aliases ?? []), ...(endpoint?.DNSNames ?? [])],
    })),
  };
}

/** `15`, `SIGTERM`, `term` or `SIGRTMIN+3` as a number; undefined for what is none (moby: pkg/signal). */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  const [, above] = /^SIGRTMIN\+(\d+)$/.exec(name) ?? [];
  if (above !== undefined) return SIGRTMIN + Number(above);
  return (constants.signals as Readonly<Record<string, number>>)[name];
}

/** Go's zero time is before the epoch. */
function time(text: string | undefined): number {
  const value = Date.parse(text ?? '');
  return Number.isNaN(value) ? 0 : Math.max(0, value);
}
