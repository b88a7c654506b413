import { ipamData, networkBody } from './requests.ts';
import { HELD, NEW, P, type SemanticCase } from './semantic-scene.ts';
import type { Driver } from './weftd-process.ts';

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

/** Networks that must be refused. */
export const NETWORKS: readonly SemanticCase[] = [
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
