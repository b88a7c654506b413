/** A network to make: Docker's `POST /networks/create`, shortened. */
export interface NetworkSpec {
  readonly name: string;
  /** `bridge` if absent. */
  readonly driver?: string;
  /** Driver options, `docker network create -o`. */
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** `default` if absent. */
  readonly ipamDriver?: string;
  readonly ipamOptions?: Readonly<Record<string, string>>;
  /** One a subnet, either family. */
  readonly subnets?: readonly {
    readonly subnet: string;
    readonly gateway?: string;
    readonly ipRange?: string;
    readonly aux?: Readonly<Record<string, string>>;
  }[];
  readonly ipv6?: boolean;
  /** Engine 28 and later. */
  readonly ipv4?: boolean;
  readonly internal?: boolean;
  readonly attachable?: boolean;
}

/** A container to make: Docker's `POST /containers/create`, shortened. */
export interface ContainerSpec {
  /** `c1`, `c2`, … of this client if absent. */
  readonly name?: string;
  /** The lab image if absent. */
  readonly image?: string;
  /** `sleep 1000000` if absent. */
  readonly cmd?: readonly string[];
  /** Network name or id, or `none`, `host`, `container:ID`; the built-in bridge if absent. */
  readonly network?: string;
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly aliases?: readonly string[];
  /** Driver options of the endpoint (`--network name=…,driver-opt=…`). */
  readonly driverOpts?: Readonly<Record<string, string>>;
  /** Published ports as Docker writes them: `8080:80`, `127.0.0.1:53:53/udp`, `[::1]:80:80`, `:80` (any host port). */
  readonly ports?: readonly string[];
  /** Exposed and not published: `80/tcp`. */
  readonly expose?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly capAdd?: readonly string[];
  readonly privileged?: boolean;
  readonly hostname?: string;
  readonly dns?: readonly string[];
  /** `no` if absent. */
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  readonly autoRemove?: boolean;
  /** Signal that stops it; `SIGKILL` if absent, because the lab's programs ignore SIGTERM as process 1. */
  readonly stopSignal?: string;
  /** Shell command whose exit code is the health, looked at every second. */
  readonly healthCommand?: string;
  /** Host folders or files: `/host/path:/path`, seen from the engine's root. */
  readonly binds?: readonly string[];
}

const SECOND_NS = 1_000_000_000;

/** The body of `POST /networks/create`. */
export function networkRequest(spec: NetworkSpec): object {
  const config = spec.subnets?.map(({ subnet, gateway, ipRange, aux }) => ({
    Subnet: subnet,
    Gateway: gateway,
    IPRange: ipRange,
    AuxiliaryAddresses: aux,
  }));
  return {
    Name: spec.name,
    CheckDuplicate: true,
    Driver: spec.driver ?? 'bridge',
    Internal: spec.internal ?? false,
    Attachable: spec.attachable ?? false,
    EnableIPv6: spec.ipv6 ?? false,
    EnableIPv4: spec.ipv4,
    IPAM: { Driver: spec.ipamDriver ?? 'default', Options: spec.ipamOptions ?? {}, Config: config ?? [] },
    Options: spec.options ?? {},
    Labels: spec.labels ?? {},
  };
}

/** The settings of one endpoint, for `create` and `connect`. */
export function endpointRequest(
  spec: Pick<ContainerSpec, 'ip' | 'ip6' | 'mac' | 'aliases' | 'driverOpts'>,
): object {
  const ipam = spec.ip || spec.ip6 ? { IPv4Address: spec.ip ?? '', IPv6Address: spec.ip6 ?? '' } : null;
  return { IPAMConfig: ipam, Aliases: spec.aliases, DriverOpts: spec.driverOpts, MacAddress: spec.mac };
}

/** The body of `POST /containers/create`. */
export function containerRequest(spec: ContainerSpec & { readonly image: string }): object {
  const network = spec.network ?? 'bridge';
  const shared = /^(none|host|container:.*)$/.test(network);
  const bindings = (spec.ports ?? []).map(parsePublishedPort);
  const exposed = [...bindings.map(({ port }) => port), ...(spec.expose ?? [])];
  return {
    Image: spec.image,
    Cmd: spec.cmd ?? ['sleep', '1000000'],
    Hostname: spec.hostname,
    StopSignal: spec.stopSignal ?? 'SIGKILL',
    MacAddress: spec.mac,
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    Labels: spec.labels ?? {},
    ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
    Healthcheck: healthcheck(spec.healthCommand),
    HostConfig: {
      NetworkMode: network,
      PortBindings: Object.fromEntries(
        bindings.map(({ port }) => [
          port,
          bindings.filter((one) => one.port === port).map(({ host }) => host),
        ]),
      ),
      Sysctls: spec.sysctls,
      CapAdd: spec.capAdd,
      Privileged: spec.privileged ?? false,
      Dns: spec.dns,
      Binds: spec.binds,
      AutoRemove: spec.autoRemove ?? false,
      RestartPolicy: { Name: spec.restart ?? 'no' },
    },
    NetworkingConfig: shared ? {} : { EndpointsConfig: { [network]: endpointRequest(spec) } },
  };
}

function healthcheck(command: string | undefined): object | undefined {
  if (command === undefined) return undefined;
  return { Test: ['CMD-SHELL', command], Interval: SECOND_NS, Timeout: SECOND_NS, Retries: 1 };
}

/**
 * Reads `[ADDRESS:][HOSTPORT]:PORT[/PROTOCOL]`.
 * @throws {Error} when it is not that.
 */
function parsePublishedPort(text: string): { port: string; host: { HostIp: string; HostPort: string } } {
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?([\d-]*):(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (!match) throw new Error(`published port ${text}: expected [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL]`);
  const [, ip6, ip, hostPort = '', port, protocol = 'tcp'] = match;
  return { port: `${port}/${protocol}`, host: { HostIp: ip6 ?? ip ?? '', HostPort: hostPort } };
}
