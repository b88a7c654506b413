import { endpointBody, type Mapping, ports } from './requests.ts';
import { NETWORKS } from './semantic-networks.ts';
import { HELD, NEW, P, type SemanticCase } from './semantic-scene.ts';
import type { Driver } from './weftd-process.ts';

type EndpointParts = Partial<Parameters<typeof endpointBody>[0]>;

function endpoint(
  title: string,
  parts: EndpointParts,
  err: RegExp,
  socket: Driver = 'weft-bridge',
): SemanticCase {
  const body = endpointBody({ network: HELD.network, id: NEW, ipv4: '10.91.0.9/24', ...parts });
  return { title: `endpoint: ${title}`, socket, method: 'NetworkDriver.CreateEndpoint', body, err };
}

const ENDPOINTS: readonly SemanticCase[] = [
  endpoint('of an unknown network', { network: NEW }, /network [0-9a-f]{64} does not exist/),
  endpoint('on another driver’s socket', {}, /belongs to weft-bridge, not to weft-none/, 'weft-none'),
  endpoint(
    'a held id with another address',
    { id: HELD.joined },
    /endpoint [0-9a-f]{64} exists already with other content: \w+ is /,
  ),
  endpoint(
    'a held id in another network',
    { id: HELD.joined, network: HELD.plain, ipv4: '10.93.0.9/24' },
    /exists already with other content: networkId is /,
  ),
  endpoint(
    'an address in use',
    { ipv4: '10.91.0.2/24' },
    /address 10\.91\.0\.2 belongs to endpoint [0-9a-f]/,
  ),
  endpoint('an IPv6 address in use', { ipv6: 'fd00:91::2/64' }, /address fd00:91::2 belongs to endpoint/),
  endpoint('the gateway’s address', { ipv4: '10.91.0.1/24' }, /address 10\.91\.0\.1 is the gateway of /),
  endpoint(
    'an address outside the subnet',
    { ipv4: '10.50.0.2/24' },
    /address 10\.50\.0\.2\/24 is not (in|of) .*10\.91\.0\.0\/24/,
  ),
  endpoint(
    'an address with another prefix length',
    { ipv4: '10.91.0.9/16' },
    /address 10\.91\.0\.9\/16 is not (in|of) .*10\.91\.0\.0\/24/,
  ),
  endpoint(
    'an IPv6 address outside the subnet',
    { ipv6: 'fd00:50::2/64' },
    /address fd00:50::2\/64 is not (in|of) .*fd00:91::\/64/,
  ),
  endpoint(
    'IPv6 on a network without',
    { network: HELD.plain, ipv4: '10.93.0.9/24', ipv6: 'fd00:91::9/64' },
    /address fd00:91::9\/64 is not/,
  ),
  endpoint('the network address', { ipv4: '10.91.0.0/24' }, /address 10\.91\.0\.0 is the network address/),
  endpoint(
    'the broadcast address',
    { ipv4: '10.91.0.255/24' },
    /address 10\.91\.0\.255 is the broadcast address/,
  ),
  endpoint('no address', { ipv4: '' }, /Interface has no address/),
  endpoint(
    'an unknown driver-opt',
    { options: { 'weft.servise': 'x' } },
    /no option "weft\.servise"; the nearest is "weft\.service"/,
  ),
  endpoint(
    'an interface name too long',
    { options: { [`${P}endpoint.ifname`]: 'sixteen-bytes-xx' } },
    /ifname "sixteen-bytes-xx" is not an interface name/,
  ),
];

function call(
  title: string,
  method: string,
  body: object,
  err: RegExp,
  socket: Driver = 'weft-bridge',
): SemanticCase {
  return { title, socket, method: `NetworkDriver.${method}`, body, err };
}

const join = (network: string, endpoint: string, SandboxKey: string, mappings: readonly Mapping[] = []) => ({
  NetworkID: network,
  EndpointID: endpoint,
  SandboxKey,
  Options: ports(mappings),
});
const program = (network: string, endpoint: string) => ({
  NetworkID: network,
  EndpointID: endpoint,
  Options: ports([]),
});

const CALLS: readonly SemanticCase[] = [
  call(
    'Join of an unknown endpoint',
    'Join',
    join(HELD.network, NEW, '/run/docker/netns/x'),
    /endpoint [0-9a-f]{64} does not exist in network/,
  ),
  call(
    'Join in an unknown network',
    'Join',
    join(NEW, HELD.joined, '/run/docker/netns/x'),
    /network [0-9a-f]{64} does not exist/,
  ),
  call(
    'Join of an endpoint of another network',
    'Join',
    join(HELD.plain, HELD.joined, '/run/docker/netns/x'),
    /does not exist in network/,
  ),
  call(
    'Join in another sandbox',
    'Join',
    join(HELD.network, HELD.joined, '/run/docker/netns/other'),
    /is in sandbox \/run\/docker\/netns\/held already/,
  ),
  call(
    'Join on another driver’s socket',
    'Join',
    join(HELD.network, HELD.joined, HELD.sandbox),
    /belongs to weft-bridge, not to weft-none/,
    'weft-none',
  ),
  call(
    'Program of an unknown endpoint',
    'ProgramExternalConnectivity',
    program(HELD.network, NEW),
    /does not exist in network/,
  ),
  call(
    'Program in an unknown network',
    'ProgramExternalConnectivity',
    program(NEW, NEW),
    /network [0-9a-f]{64} does not exist/,
  ),
  call(
    'Program before Join',
    'ProgramExternalConnectivity',
    program(HELD.plain, HELD.created),
    /endpoint [0-9a-f]{64} .*(not joined|no sandbox)/,
  ),
  call(
    'DeleteEndpoint on another driver’s socket',
    'DeleteEndpoint',
    { NetworkID: HELD.network, EndpointID: HELD.joined },
    /belongs to weft-bridge/,
    'weft-none',
  ),
  call(
    'Leave on another driver’s socket',
    'Leave',
    { NetworkID: HELD.network, EndpointID: HELD.joined },
    /belongs to weft-bridge/,
    'weft-none',
  ),
];

function pool(body: object, err: RegExp): SemanticCase {
  const full = { AddressSpace: 'WeftLocal', Pool: '', SubPool: '', Options: {}, V6: false, ...body };
  return {
    title: `pool ${JSON.stringify(body)}`,
    socket: 'weft',
    method: 'IpamDriver.RequestPool',
    body: full,
    err,
  };
}

function address(
  Address: string,
  err: RegExp,
  PoolID = 'WeftLocal/10.95.0.0/29',
  Options: object | null = null,
): SemanticCase {
  const body = { PoolID, Address, Options };
  return {
    title: `address ${JSON.stringify(body)}`,
    socket: 'weft',
    method: 'IpamDriver.RequestAddress',
    body,
    err,
  };
}

const IPAM: readonly SemanticCase[] = [
  pool(
    { AddressSpace: 'LocalDefault' },
    /address space "LocalDefault" is not known: expected WeftLocal or WeftGlobal/,
  ),
  pool({ Pool: '10.95.0.0/29' }, /subnet 10\.95\.0\.0\/29 overlaps .*10\.95\.0\.0\/29/),
  pool({ Pool: '10.95.0.0/16' }, /subnet 10\.95\.0\.0\/16 overlaps/),
  pool(
    { Pool: '127.0.0.0/24' },
    /subnet 127\.0\.0\.0\/24 overlaps 127\.0\.0\.0\/8, which containers cannot use/,
  ),
  pool({ Pool: '224.1.0.0/16' }, /overlaps 224\.0\.0\.0\/4/),
  pool({ Pool: 'ff02::/64', V6: true }, /overlaps ff00::\/8/),
  pool({ Pool: '192.0.2.0/24' }, /overlaps this host's route 192\.0\.2\.0\/24 dev lan0/),
  pool(
    { Pool: '10.97.0.0/24', SubPool: '10.98.0.0/25' },
    /ip-range 10\.98\.0\.0\/25 is not within subnet 10\.97\.0\.0\/24/,
  ),
  pool({ Pool: '10.97.0.0/24', SubPool: 'fd00::/80' }, /ip-range fd00::\/80 is not IPv4/),
  pool({ SubPool: '10.98.0.0/25' }, /needs a subnet that contains it/),
  pool({ Pool: '0.0.0.0/4' }, /no pool of size \/4 fits/),
  pool({ Pool: '::/12', V6: true }, /no pool of size \/12 fits/),
  address('10.95.0.3', /address 10\.95\.0\.3 of pool 10\.95\.0\.0\/29 is in use by/),
  address('10.95.0.0', /is the network address of pool/),
  address('10.95.0.7', /is the broadcast address of pool/),
  address('10.95.1.1', /address 10\.95\.1\.1 is not in pool 10\.95\.0\.0\/29/),
  address('fd00::1', /address fd00::1 is not in pool/),
  address('', /pool "WeftLocal\/10\.99\.0\.0\/24" is not held here/, 'WeftLocal/10.99.0.0/24'),
  address('', /macaddress "zz" is not a MAC address/, undefined, { [`${P}endpoint.macaddress`]: 'zz' }),
];

/** Every semantic case. */
export const SEMANTIC: readonly SemanticCase[] = [...NETWORKS, ...ENDPOINTS, ...CALLS, ...IPAM];
