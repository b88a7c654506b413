import { endpointBody, id, ipamData, type Mapping, networkBody, ports } from './requests.ts';
import type { Driver, WeftdProcess } from './weftd-process.ts';

/** A request that can be decoded and that only the real weftd can see to be wrong. */
export interface SemanticCase {
  readonly title: string;
  /** `weft` is the IPAM driver. */
  readonly socket: Driver | 'weft';
  readonly method: string;
  readonly body: object;
  /** What Err must say: the field or thing, its value, and why. */
  readonly err: RegExp;
}

/** Networks and endpoints that exist before every case. */
export const HELD = {
  network: id('held'),
  named: id('named'),
  plain: id('plain'),
  none: id('none'),
  joined: id('joined'),
  created: id('created'),
  sandbox: '/run/docker/netns/held',
} as const;

const P = 'com.docker.network.';
const NEW = id('new');

/** Makes what {@link HELD} names; its sandbox must exist. */
export async function makeHeld(weftd: WeftdProcess): Promise<void> {
  const dual = {
    ipv4: [ipamData('10.91.0.0/24', '10.91.0.1/24')],
    ipv6: [ipamData('fd00:91::/64', 'fd00:91::1/64')],
  };
  await weftd.net('CreateNetwork', networkBody({ id: HELD.network, ...dual }));
  const named = { id: HELD.named, ipv4: [ipamData('10.92.0.0/24', '10.92.0.1/24')] };
  await weftd.net('CreateNetwork', networkBody({ ...named, options: { [`${P}bridge.name`]: 'brnamed' } }));
  await weftd.net(
    'CreateNetwork',
    networkBody({ id: HELD.plain, ipv4: [ipamData('10.93.0.0/24', '10.93.0.1/24')] }),
  );
  await weftd.net(
    'CreateNetwork',
    networkBody({ id: HELD.none, ipv4: [ipamData('10.94.0.0/24')] }),
    'weft-none',
  );
  const joined = { network: HELD.network, id: HELD.joined, ipv4: '10.91.0.2/24', ipv6: 'fd00:91::2/64' };
  await weftd.net('CreateEndpoint', endpointBody(joined));
  const ids = { NetworkID: HELD.network, EndpointID: HELD.joined };
  const Options = ports([{ port: 80, hostPort: 8391 }]);
  await weftd.net('Join', { ...ids, SandboxKey: HELD.sandbox, Options });
  await weftd.net('ProgramExternalConnectivity', { ...ids, Options });
  await weftd.net(
    'CreateEndpoint',
    endpointBody({ network: HELD.plain, id: HELD.created, ipv4: '10.93.0.2/24' }),
  );
  await weftd.ipam('RequestPool', { AddressSpace: 'WeftLocal', Pool: '10.95.0.0/29' });
  await weftd.ipam('RequestAddress', { PoolID: 'WeftLocal/10.95.0.0/29', Address: '10.95.0.3' });
}

type NetworkParts = Omit<Parameters<typeof networkBody>[0], 'id'>;

function network(
  title: string,
  parts: NetworkParts,
  err: RegExp,
  socket: Driver = 'weft-bridge',
): SemanticCase {
  return {
    title,
    socket,
    method: 'NetworkDriver.CreateNetwork',
    body: networkBody({ id: NEW, ...parts }),
    err,
  };
}

const FREE = [ipamData('10.96.0.0/24', '10.96.0.1/24')];
const FREE6 = [ipamData('fd00:96::/64', 'fd00:96::1/64')];

function option(key: string, value: string, err: RegExp, parts: NetworkParts = {}): SemanticCase {
  return network(
    `option ${key}=${JSON.stringify(value)}`,
    { ipv4: FREE, options: { [key]: value }, ...parts },
    err,
  );
}

const NETWORKS: readonly SemanticCase[] = [
  network(
    'a part of a held subnet',
    { ipv4: [ipamData('10.91.0.128/25')] },
    /subnet 10\.91\.0\.128\/25 overlaps 10\.91\.0\.0\/24 of network [0-9a-f]{12}/,
  ),
  network(
    'a subnet around a held one',
    { ipv4: [ipamData('10.88.0.0/13')] },
    /subnet 10\.88\.0\.0\/13 overlaps 10\.9/,
  ),
  network(
    'a held IPv6 subnet',
    { ipv4: FREE, ipv6: [ipamData('fd00:91::/80')] },
    /subnet fd00:91::\/80 overlaps fd00:91::\/64/,
  ),
  network(
    'overlapping subnets of one network',
    { ipv4: [...FREE, ipamData('10.96.0.128/25')] },
    /subnets 10\.96\.0\.0\/24 and 10\.96\.0\.128\/25 overlap/,
  ),
  network(
    'the null IPAM driver',
    { ipv4: [ipamData('0.0.0.0/0')] },
    /subnet 0\.0\.0\.0\/0 covers every address/,
  ),
  network('no subnet at all', { ipv4: [] }, /neither an IPv4 nor an IPv6 subnet/),
  network(
    'a gateway outside its pool',
    { ipv4: [ipamData('10.96.0.0/24', '10.97.0.1/24')] },
    /gateway 10\.97\.0\.1\/24 is not in subnet 10\.96\.0\.0\/24/,
  ),
  network(
    'an IPv6 gateway outside its pool',
    { ipv4: FREE, ipv6: [ipamData('fd00:96::/64', 'fd00:97::1/64')] },
    /gateway fd00:97::1\/64 is not in subnet fd00:96::\/64/,
  ),
  network(
    'a gateway that is the network address',
    { ipv4: [ipamData('10.96.0.0/24', '10.96.0.0/24')] },
    /gateway 10\.96\.0\.0 is the network address of subnet 10\.96\.0\.0\/24/,
  ),
  network(
    'a gateway that is the broadcast address',
    { ipv4: [ipamData('10.96.0.0/24', '10.96.0.255/24')] },
    /gateway 10\.96\.0\.255 is the broadcast address/,
  ),
  network(
    'a gateway with another prefix length',
    { ipv4: [ipamData('10.96.0.0/24', '10.96.0.1/16')] },
    /gateway 10\.96\.0\.1\/16 .*10\.96\.0\.0\/24/,
  ),
  network(
    'a loopback subnet',
    { ipv4: [ipamData('127.5.0.0/16', '127.5.0.1/16')] },
    /subnet 127\.5\.0\.0\/16 overlaps 127\.0\.0\.0\/8/,
  ),
  network(
    'a multicast subnet',
    { ipv4: [ipamData('239.1.0.0/16', '239.1.0.1/16')] },
    /subnet 239\.1\.0\.0\/16 overlaps 224\.0\.0\.0\/4/,
  ),
  network(
    'an IPv6 multicast subnet',
    { ipv4: FREE, ipv6: [ipamData('ff05::/64', 'ff05::1/64')] },
    /subnet ff05::\/64 overlaps ff00::\/8/,
  ),
  option(`${P}bridge.name`, 'wb-aaaaaaaaaa', /names that begin with wb-, .* are weft's own/),
  option(`${P}bridge.name`, 'brnamed', /bridge\.name is "brnamed": .*network [0-9a-f]{12}/),
  option(`${P}bridge.name`, 'lan0', /"lan0": that link exists and is a veth/),
  option(`${P}bridge.name`, 'a\0b', /NUL/),
  option(`${P}bridge.name`, 'a name', /"a name" is not an interface name/),
  option(`${P}driver.mtu`, '1279', /driver\.mtu is "1279": expected a whole number from 1280/, {
    ipv6: FREE6,
  }),
  option(`${P}driver.mtu`, '65536', /driver\.mtu is "65536"/),
  option(
    `${P}bridge.gateway_mode_ipv6`,
    'isolated',
    /gateway_mode_ipv6 is "isolated": that needs an --internal network/,
  ),
  option(
    `${P}bridge.host_binding_ipv4`,
    '10.0.0.0/8',
    /host_binding_ipv4 is "10\.0\.0\.0\/8": expected an IP address/,
  ),
  option(`${P}host_ipv4`, 'fd00::1', /host_ipv4 is "fd00::1": expected an IPv4 address/),
  option(
    `${P}bridge.trusted_host_interfaces`,
    'lan0::eth1',
    /trusted_host_interfaces "" is not an interface name/,
  ),
  option(`${P}advertise_addr_nmsgs`, '9', /advertise_addr_nmsgs is "9": expected a whole number from 0 to 3/),
  option('weft.vni', '42', /no option "weft\.vni"/),
  option('parent', 'lan0', /no option "parent"/),
  network(
    'weft-none with an option',
    { ipv4: FREE, options: { 'weft.isolate': 'true' } },
    /weft-none has no option "weft\.isolate"/,
    'weft-none',
  ),
  {
    ...network('', {}, /network [0-9a-f]{64} exists already with other content: \w+ is /),
    title: 'the id of a held network with another subnet',
    body: networkBody({ id: HELD.network, ipv4: FREE }),
  },
  {
    ...network('', {}, /belongs to weft-bridge, not to weft-none/, 'weft-none'),
    title: 'the id of a held network on another driver’s socket',
    body: networkBody({ id: HELD.network, ipv4: FREE }),
  },
  {
    ...network('', {}, /belongs to weft-bridge, not to weft-none/, 'weft-none'),
    title: 'DeleteNetwork on another driver’s socket',
    method: 'NetworkDriver.DeleteNetwork',
    body: { NetworkID: HELD.network },
  },
];

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
