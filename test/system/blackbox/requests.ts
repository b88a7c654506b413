import { createHash } from 'node:crypto';

/** An id as engines make them: 64 hex digits, the same for the same name. */
export function id(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

export const GENERIC = 'com.docker.network.generic';
const PORT_MAP = 'com.docker.network.portmap';
const EXPOSED = 'com.docker.network.endpoint.exposedports';

/** One subnet on the wire, by CIDR and gateway. */
export function ipamData(pool: string, gateway?: string): object {
  return {
    AddressSpace: 'WeftLocal',
    Pool: pool,
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    AuxAddresses: {},
  };
}

/** CreateNetwork as Engine 28 sends it; `labels` are the keys beside the generic options. */
export function networkBody(parts: {
  readonly id: string;
  readonly ipv4?: readonly object[];
  readonly ipv6?: readonly object[];
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, unknown>>;
}): object {
  return {
    NetworkID: parts.id,
    Options: {
      'com.docker.network.enable_ipv4': parts.ipv4 === undefined || parts.ipv4.length > 0,
      'com.docker.network.enable_ipv6': (parts.ipv6 ?? []).length > 0,
      [GENERIC]: parts.options ?? {},
      ...parts.labels,
    },
    IPv4Data: parts.ipv4 ?? [],
    IPv6Data: parts.ipv6 ?? [],
  };
}

/** CreateEndpoint as an engine sends it. */
export function endpointBody(parts: {
  readonly network: string;
  readonly id: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}): object {
  return {
    NetworkID: parts.network,
    EndpointID: parts.id,
    Interface: { Address: parts.ipv4 ?? '', AddressIPv6: parts.ipv6 ?? '', MacAddress: parts.mac ?? '' },
    Options: { [EXPOSED]: [], [PORT_MAP]: [], ...parts.options },
  };
}

/** A port mapping on the wire. */
export interface Mapping {
  readonly proto?: 6 | 17 | 132;
  readonly port: number;
  readonly hostIp?: string;
  readonly hostPort?: number;
  readonly hostPortEnd?: number;
}

/** The sandbox's ports as Join and ProgramExternalConnectivity carry them. */
export function ports(mappings: readonly Mapping[]): object {
  return {
    [EXPOSED]: mappings.map(({ proto = 6, port }) => ({ Proto: proto, Port: port })),
    [PORT_MAP]: mappings.map(({ proto = 6, port, hostIp = '', hostPort = 0, hostPortEnd = hostPort }) => ({
      Proto: proto,
      IP: '',
      Port: port,
      HostIP: hostIp,
      HostPort: hostPort,
      HostPortEnd: hostPortEnd,
    })),
  };
}
