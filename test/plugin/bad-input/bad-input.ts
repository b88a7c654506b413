/** A request that must be refused by any implementation of the backends, because it cannot be decoded. */
export interface BadInput {
  /** Unique in the table. */
  readonly title: string;
  /** Which socket it goes to: a network driver's or the IPAM driver's. */
  readonly socket: 'network' | 'ipam';
  /** HTTP method; absent: POST. */
  readonly verb?: string;
  /** Request path with its slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: no body. */
  readonly body?: string | Buffer;
  readonly status: 400 | 404 | 413 | 500;
  /** Texts that `Err` must contain: the field, the value, what is accepted. */
  readonly err: readonly string[];
}

export const NETWORK_ID = 'b'.repeat(64);
export const ENDPOINT_ID = 'd'.repeat(64);
export const PORT_MAP = 'com.docker.network.portmap';
export const EXPOSED_PORTS = 'com.docker.network.endpoint.exposedports';
export const GENERIC = 'com.docker.network.generic';

const IDS = { NetworkID: NETWORK_ID, EndpointID: ENDPOINT_ID };

/** Arguments of every method that decode; a case changes one thing in them. */
export const VALID = {
  'NetworkDriver.CreateNetwork': {
    NetworkID: NETWORK_ID,
    Options: { 'com.docker.network.enable_ipv6': false, [GENERIC]: {} },
    IPv4Data: [{ AddressSpace: 'L', Pool: '198.18.7.0/24', Gateway: '198.18.7.1/24', AuxAddresses: {} }],
    IPv6Data: [{ AddressSpace: 'L', Pool: 'fd00:7::/64', Gateway: 'fd00:7::1/64', AuxAddresses: {} }],
  },
  'NetworkDriver.AllocateNetwork': {
    NetworkID: NETWORK_ID,
    Options: {},
    IPv4Data: [{ AddressSpace: '', Pool: '198.18.7.0/24', Gateway: '198.18.7.1/24' }],
    IPv6Data: null,
  },
  'NetworkDriver.GwAllocCheck': { Options: { [GENERIC]: {} } },
  'NetworkDriver.DeleteNetwork': { NetworkID: NETWORK_ID },
  'NetworkDriver.FreeNetwork': { NetworkID: NETWORK_ID },
  'NetworkDriver.CreateEndpoint': {
    ...IDS,
    Interface: { Address: '198.18.7.2/24', AddressIPv6: '', MacAddress: '' },
    Options: { [EXPOSED_PORTS]: [], [PORT_MAP]: [] },
  },
  'NetworkDriver.Join': {
    ...IDS,
    SandboxKey: '/run/docker/netns/0123456789ab',
    Options: { [EXPOSED_PORTS]: [], [PORT_MAP]: [] },
  },
  'NetworkDriver.ProgramExternalConnectivity': { ...IDS, Options: { [EXPOSED_PORTS]: [], [PORT_MAP]: [] } },
  'NetworkDriver.RevokeExternalConnectivity': IDS,
  'NetworkDriver.Leave': IDS,
  'NetworkDriver.DeleteEndpoint': IDS,
  'NetworkDriver.EndpointOperInfo': IDS,
  'NetworkDriver.DiscoverNew': { DiscoveryType: 1, DiscoveryData: {} },
  'NetworkDriver.DiscoverDelete': { DiscoveryType: 1, DiscoveryData: {} },
  'IpamDriver.RequestPool': { AddressSpace: 'weft-local', Pool: '', SubPool: '', Options: {}, V6: false },
  'IpamDriver.ReleasePool': { PoolID: 'weft-local/198.18.7.0/24' },
  'IpamDriver.RequestAddress': { PoolID: 'weft-local/198.18.7.0/24', Address: '', Options: {} },
  'IpamDriver.ReleaseAddress': { PoolID: 'weft-local/198.18.7.0/24', Address: '198.18.7.2' },
} as const;

export type MethodName = keyof typeof VALID;

export const METHODS = Object.keys(VALID) as MethodName[];

/** Which socket serves a method. */
export function socketOf(method: string): 'network' | 'ipam' {
  return method.startsWith('IpamDriver.') ? 'ipam' : 'network';
}

/** Where a change goes: names of fields and indexes of elements. */
export type Path = readonly (string | number)[];

/** Valid arguments of a method with the value at `path` replaced, or taken away when it is undefined. */
function changed(method: MethodName, path: Path, value: unknown): object {
  const copy = structuredClone(VALID[method]) as object;
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    at[step] ??= {};
    at = at[step] as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ''] = value;
  return copy;
}

/** A case that changes one value of a method's valid arguments and expects 400. */
export function wrong(method: MethodName, path: Path, value: unknown, ...err: string[]): BadInput {
  const shown = JSON.stringify(value) ?? 'nothing';
  return {
    title: `${method} ${path.join('.')} = ${shown.length > 120 ? `${shown.slice(0, 117)}…` : shown}`,
    socket: socketOf(method),
    path: `/${method}`,
    body: JSON.stringify(changed(method, path, value)),
    status: 400,
    err,
  };
}

/** A case with a body of its own, expecting 400. */
export function body(title: string, method: MethodName, text: string | Buffer, ...err: string[]): BadInput {
  return {
    title: `${method}: ${title}`,
    socket: socketOf(method),
    path: `/${method}`,
    body: text,
    status: 400,
    err,
  };
}
