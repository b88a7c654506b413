import { type Cidr, type IfAddress, type Ip, parseIfAddress, parseIp } from '../../core/address.ts';
import {
  type EndpointId,
  parseEndpointId,
  parseMac,
  parseNetworkId,
  parseSandboxKey,
} from '../../core/ids.ts';
import type {
  Attachment,
  Endpoint,
  EndpointRequest,
  NetworkRequest,
  PortMapping,
  Subnet,
} from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import type { Backend } from '../../core/service.ts';
import type { EngineNetwork } from '../../daemon/docker/index.ts';

export const NETWORK_ID = 'a1'.repeat(32);
export const OTHER_NETWORK_ID = 'b2'.repeat(32);
export const ENDPOINT_ID = 'c3'.repeat(32);

export function aSubnet(pool: string, gateway?: string): Subnet {
  return {
    pool: pool as Cidr,
    ...(gateway === undefined ? {} : { gateway: parseIfAddress(gateway, 'gateway') }),
    aux: {},
  };
}

export function aNetworkRequest(
  change: Partial<Omit<NetworkRequest, 'id'>> & { readonly id?: string } = {},
): NetworkRequest {
  return {
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    options: {},
    ipv4: [aSubnet('10.80.0.0/24', '10.80.0.1/24')],
    ipv6: [],
    ...change,
    id: parseNetworkId(change.id ?? NETWORK_ID),
  };
}

/** A network as an engine shows it. */
export function anEngineNetwork(change: Partial<EngineNetwork> = {}): EngineNetwork {
  return {
    id: NETWORK_ID,
    name: 'app',
    driver: 'weft-bridge',
    ipamDriver: 'weft',
    subnets: [],
    options: {},
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    endpoints: [],
    ...change,
  };
}

export function anEndpointRequest(
  change: {
    readonly id?: string;
    readonly networkId?: string;
    readonly ipv4?: string;
    readonly ipv6?: string;
    readonly mac?: string;
    readonly options?: Record<string, string>;
  } = {},
): EndpointRequest {
  const address = (text: string | undefined): IfAddress | undefined =>
    text === undefined || text === '' ? undefined : parseIfAddress(text, 'address');
  const ipv4 = address(change.ipv4 ?? '10.80.0.2/24');
  const ipv6 = address(change.ipv6);
  return {
    id: parseEndpointId(change.id ?? ENDPOINT_ID),
    networkId: parseNetworkId(change.networkId ?? NETWORK_ID),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(change.mac === undefined ? {} : { mac: parseMac(change.mac, 'mac') }),
    options: change.options ?? {},
  };
}

export function anAttachment(mappings: readonly PortMapping[] = []): Attachment {
  return { sandboxKey: parseSandboxKey('/run/docker/netns/0123456789ab'), mappings, exposed: [] };
}

export function anEndpoint(change: Partial<Endpoint> = {}): Endpoint {
  const request = change.request ?? anEndpointRequest();
  return { request, mac: derivedMac(request.id), published: [], external: false, createdAt: 0, ...change };
}

export function aMapping(text: string): PortMapping {
  const match = /^(?:(\S+) )?(\d+)(?:-(\d+))?:(\d+)\/(tcp|udp|sctp)$/.exec(text);
  if (match === null) throw new TypeError(`${text} is not [HOST ]PORT[-PORT]:PORT/PROTOCOL`);
  const hostPort = Number(match[2]);
  return {
    protocol: match[5] as PortMapping['protocol'],
    containerPort: Number(match[4]),
    ...(match[1] === undefined ? {} : { hostIp: parseIp(match[1], 'host') }),
    hostPort,
    hostPortEnd: Number(match[3] ?? hostPort),
  };
}

/** The n-th backend: endpoint `eN` of host h1 at 10.0.0.N, ready, of weight 1. */
export function aBackend(n: number, change: Partial<Backend> = {}): Backend {
  return {
    endpoint: `e${n}` as EndpointId,
    node: 'h1',
    ipv4: `10.0.0.${n}` as Ip,
    weight: 1,
    state: 'ready',
    ...change,
  };
}
