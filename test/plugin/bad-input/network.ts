import { type BadInput, GENERIC, type MethodName, wrong } from './bad-input.ts';

const CREATE = 'NetworkDriver.CreateNetwork';

const WITH_NETWORK_ID: readonly MethodName[] = [
  CREATE,
  'NetworkDriver.DeleteNetwork',
  'NetworkDriver.AllocateNetwork',
  'NetworkDriver.FreeNetwork',
  'NetworkDriver.CreateEndpoint',
  'NetworkDriver.DeleteEndpoint',
  'NetworkDriver.EndpointOperInfo',
  'NetworkDriver.Join',
  'NetworkDriver.Leave',
  'NetworkDriver.ProgramExternalConnectivity',
  'NetworkDriver.RevokeExternalConnectivity',
];

const ID_RULE = '1–128 letters';

const ids: readonly BadInput[] = [
  ...WITH_NETWORK_ID.flatMap((method) => [
    wrong(method, ['NetworkID'], undefined, 'NetworkID', ID_RULE),
    wrong(method, ['NetworkID'], 12, 'NetworkID 12', 'must be string'),
  ]),
  wrong(CREATE, ['NetworkID'], '', 'NetworkID ""', ID_RULE),
  wrong(CREATE, ['NetworkID'], null, 'NetworkID', ID_RULE),
  wrong(CREATE, ['NetworkID'], ['a'], 'NetworkID ["a"]', 'must be string'),
  wrong(CREATE, ['NetworkID'], { a: 1 }, 'NetworkID {"a":1}', 'must be string'),
  wrong(CREATE, ['NetworkID'], true, 'NetworkID true', 'must be string'),
  wrong(CREATE, ['NetworkID'], '../../etc', 'NetworkID "../../etc"', ID_RULE),
  wrong(CREATE, ['NetworkID'], 'a/b', 'NetworkID "a/b"', ID_RULE),
  wrong(CREATE, ['NetworkID'], 'a\0b', 'NetworkID "a\\u0000b"', ID_RULE),
  wrong(CREATE, ['NetworkID'], 'a b', 'NetworkID "a b"', ID_RULE),
  wrong(CREATE, ['NetworkID'], 'a\n', 'NetworkID "a\\n"', ID_RULE),
  wrong(CREATE, ['NetworkID'], 'ä', 'NetworkID "ä"', ID_RULE),
  wrong(CREATE, ['NetworkID'], '-rf', 'NetworkID "-rf"', ID_RULE),
  wrong(CREATE, ['NetworkID'], '$(id)', 'NetworkID "$(id)"', ID_RULE),
  wrong(CREATE, ['NetworkID'], 'a'.repeat(129), 'NetworkID "aaa', ID_RULE),
];

const options: readonly BadInput[] = [
  wrong(CREATE, ['Options'], [], 'Options []', 'must be object'),
  wrong(CREATE, ['Options'], 'mtu=9000', 'Options "mtu=9000"', 'must be object'),
  wrong(CREATE, ['Options', GENERIC], 'mtu=9000', GENERIC, '"mtu=9000"', 'must be an object'),
  wrong(CREATE, ['Options', GENERIC], ['mtu'], GENERIC, '["mtu"]', 'must be an object'),
  wrong(CREATE, ['Options', GENERIC, 'mtu'], 9000, `Options["${GENERIC}"]["mtu"] 9000`, 'must be text'),
  wrong(CREATE, ['Options', GENERIC, 'icc'], true, '["icc"] true', 'must be text'),
  wrong(CREATE, ['Options', GENERIC, 'list'], ['a'], '["list"] ["a"]', 'must be text'),
  wrong(CREATE, ['Options', GENERIC, 'map'], { a: 'b' }, '["map"] {"a":"b"}', 'must be text'),
  wrong(CREATE, ['Options', GENERIC, 'parent'], 'eth0\0x', '["parent"] "eth0\\u0000x"', 'NUL'),
  wrong(CREATE, ['Options', GENERIC, ''], 'x', 'the key ""', '1–256 bytes'),
  wrong(CREATE, ['Options', GENERIC, 'a\0'], 'x', 'the key "a\\u0000"', 'control characters'),
  wrong(CREATE, ['Options', GENERIC, 'a\nb'], 'x', 'the key "a\\nb"', 'control characters'),
  wrong(CREATE, ['Options', GENERIC, 'k'.repeat(257)], 'x', 'the key "kkk', '1–256 bytes'),
  ...['enable_ipv4', 'enable_ipv6', 'internal'].flatMap((name) => [
    wrong(CREATE, ['Options', `com.docker.network.${name}`], 'true', name, '"true"', 'true or false'),
    wrong(CREATE, ['Options', `com.docker.network.${name}`], 1, `${name}"] 1`, 'true or false'),
  ]),
  wrong('NetworkDriver.GwAllocCheck', ['Options'], 7, 'Options 7', 'must be object'),
  wrong('NetworkDriver.GwAllocCheck', ['Options', GENERIC, 'k'], 1, '["k"] 1', 'must be text'),
  wrong(
    'NetworkDriver.GwAllocCheck',
    ['Options', 'com.docker.network.internal'],
    'no',
    'internal"] "no"',
    'true or false',
  ),
  wrong('NetworkDriver.AllocateNetwork', ['Options', 'vni'], 77, 'Options["vni"] 77', 'must be text'),
  wrong('NetworkDriver.AllocateNetwork', ['Options'], 'vni', 'Options "vni"', 'must be object'),
];

const POOL_RULE = 'address/prefix';

const subnets: readonly BadInput[] = [
  wrong(CREATE, ['IPv4Data'], {}, 'IPv4Data {}', 'must be array'),
  wrong(CREATE, ['IPv4Data'], '198.18.7.0/24', 'IPv4Data "198.18.7.0/24"', 'must be array'),
  wrong(CREATE, ['IPv6Data'], 6, 'IPv6Data 6', 'must be array'),
  wrong(CREATE, ['IPv4Data', 0], null, 'IPv4Data[0] null', 'must be object'),
  wrong(CREATE, ['IPv4Data', 0], '198.18.7.0/24', 'IPv4Data[0]', 'must be object'),
  wrong(CREATE, ['IPv4Data', 1], {}, 'IPv4Data[1].Pool ""', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], undefined, 'IPv4Data[0].Pool ""', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], 24, 'IPv4Data[0].Pool 24', 'must be string'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0', 'Pool "198.18.7.0"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0/', 'Pool "198.18.7.0/"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0/33', 'Pool "198.18.7.0/33"', 'over 32'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0/-1', 'Pool "198.18.7.0/-1"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0/024', 'Pool "198.18.7.0/024"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0/24/24', 'Pool "198.18.7.0/24/24"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.256.0/24', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.07.0/24', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7/24', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '0x7f.0.0.1/8', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], '198.18.7.0/24\0', 'Pool', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], 'localhost/8', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv4Data', 0, 'Pool'], 'fd00:7::/64', 'IPv4Data[0].Pool "fd00:7::/64"', 'must be IPv4'),
  wrong(CREATE, ['IPv4Data', 0, 'Gateway'], '198.18.7.1', 'Gateway "198.18.7.1"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'Gateway'], '198.18.7.1/64', 'Gateway "198.18.7.1/64"', 'over 32'),
  wrong(CREATE, ['IPv4Data', 0, 'Gateway'], 'fd00:7::1/64', 'IPv4Data[0].Gateway', 'must be IPv4'),
  wrong(CREATE, ['IPv4Data', 0, 'Gateway'], false, 'IPv4Data[0].Gateway false', 'must be string'),
  wrong(CREATE, ['IPv4Data', 0, 'AuxAddresses'], [], 'AuxAddresses []', 'must be object'),
  wrong(CREATE, ['IPv4Data', 0, 'AuxAddresses', 'a'], 5, 'AuxAddresses["a"] 5', 'must be text'),
  wrong(CREATE, ['IPv4Data', 0, 'AuxAddresses', 'a'], '198.18.7.9', '["a"] "198.18.7.9"', POOL_RULE),
  wrong(CREATE, ['IPv4Data', 0, 'AuxAddresses', 'a'], 'fd00:7::9/64', '["a"]', 'must be IPv4'),
  wrong(CREATE, ['IPv6Data', 0, 'Pool'], '198.18.7.0/24', 'IPv6Data[0].Pool', 'must be IPv6'),
  wrong(CREATE, ['IPv6Data', 0, 'Pool'], 'fd00:7::/129', 'Pool "fd00:7::/129"', 'over 128'),
  wrong(CREATE, ['IPv6Data', 0, 'Pool'], 'fd00::7::/64', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv6Data', 0, 'Pool'], 'fe80::%eth0/64', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv6Data', 0, 'Pool'], '[fd00:7::]/64', 'Pool', 'not an IP address'),
  wrong(CREATE, ['IPv6Data', 0, 'Gateway'], 'fd00:7:::1/64', 'Gateway', 'not an IP address'),
  wrong('NetworkDriver.AllocateNetwork', ['IPv4Data', 0, 'Pool'], 'x/24', 'Pool', 'not an IP address'),
  wrong('NetworkDriver.AllocateNetwork', ['IPv6Data'], {}, 'IPv6Data {}', 'must be array'),
];

const discovery: readonly BadInput[] = [
  wrong('NetworkDriver.DiscoverNew', ['DiscoveryType'], '1', 'DiscoveryType "1"', 'must be integer'),
  wrong('NetworkDriver.DiscoverNew', ['DiscoveryType'], 1.5, 'DiscoveryType 1.5', 'must be integer'),
  wrong('NetworkDriver.DiscoverDelete', ['DiscoveryType'], true, 'DiscoveryType true', 'must be integer'),
];

/** Cases about networks and discovery. */
export const NETWORK_CASES: readonly BadInput[] = [...ids, ...options, ...subnets, ...discovery];
