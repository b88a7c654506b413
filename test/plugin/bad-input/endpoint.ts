import { type BadInput, EXPOSED_PORTS, type MethodName, PORT_MAP, wrong } from './bad-input.ts';

const CREATE = 'NetworkDriver.CreateEndpoint';
const JOIN = 'NetworkDriver.Join';
const PROGRAM = 'NetworkDriver.ProgramExternalConnectivity';

const WITH_ENDPOINT_ID: readonly MethodName[] = [
  CREATE,
  'NetworkDriver.DeleteEndpoint',
  'NetworkDriver.EndpointOperInfo',
  JOIN,
  'NetworkDriver.Leave',
  PROGRAM,
  'NetworkDriver.RevokeExternalConnectivity',
];

const ids: readonly BadInput[] = [
  ...WITH_ENDPOINT_ID.flatMap((method) => [
    wrong(method, ['EndpointID'], undefined, 'EndpointID', '1–128 letters'),
    wrong(method, ['EndpointID'], false, 'EndpointID false', 'must be string'),
    wrong(method, ['EndpointID'], 'x/../y', 'EndpointID "x/../y"', '1–128 letters'),
  ]),
  wrong(JOIN, ['EndpointID'], 'e\0', 'EndpointID "e\\u0000"', '1–128 letters'),
];

const face: readonly BadInput[] = [
  wrong(CREATE, ['Interface'], 'eth0', 'Interface "eth0"', 'must be object'),
  wrong(CREATE, ['Interface'], [], 'Interface []', 'must be object'),
  wrong(CREATE, ['Interface', 'Address'], 4, 'Interface.Address 4', 'must be string'),
  wrong(CREATE, ['Interface', 'Address'], '198.18.7.2', 'Interface.Address "198.18.7.2"', 'address/prefix'),
  wrong(CREATE, ['Interface', 'Address'], '198.18.7.2/40', 'Interface.Address', 'over 32'),
  wrong(CREATE, ['Interface', 'Address'], '198.18.7.300/24', 'Interface.Address', 'not an IP address'),
  wrong(CREATE, ['Interface', 'Address'], 'fd00:7::2/64', 'Interface.Address', 'must be IPv4'),
  wrong(CREATE, ['Interface', 'AddressIPv6'], '198.18.7.2/24', 'Interface.AddressIPv6', 'must be IPv6'),
  wrong(CREATE, ['Interface', 'AddressIPv6'], 'fd00:7::g/64', 'Interface.AddressIPv6', 'not an IP address'),
  wrong(CREATE, ['Interface', 'AddressIPv6'], ['fd00::1/64'], 'Interface.AddressIPv6', 'must be string'),
  ...['02:42:ac:11:00', '02:42:ac:11:00:99:00', '02:42:ac:11:00:zz', 'AkKsEQCZ', ' 02:42:ac:11:00:99'].map(
    (mac) =>
      wrong(CREATE, ['Interface', 'MacAddress'], mac, 'Interface.MacAddress', mac, 'aa:bb:cc:dd:ee:ff'),
  ),
  wrong(CREATE, ['Interface', 'MacAddress'], '01:00:5e:00:00:01', 'Interface.MacAddress', 'not a unicast'),
  wrong(CREATE, ['Interface', 'MacAddress'], 'ff:ff:ff:ff:ff:ff', 'Interface.MacAddress', 'not a unicast'),
  wrong(CREATE, ['Interface', 'MacAddress'], '00:00:00:00:00:00', 'Interface.MacAddress', 'not a unicast'),
  wrong(CREATE, ['Interface', 'MacAddress'], 2, 'Interface.MacAddress 2', 'must be string'),
  wrong(CREATE, ['Options'], 'dk=dv', 'Options "dk=dv"', 'must be object'),
  wrong(CREATE, ['Options', 'dk'], 7, 'Options["dk"] 7', 'must be text'),
  wrong(CREATE, ['Options', 'weft.service'], ['web'], 'Options["weft.service"] ["web"]', 'must be text'),
  wrong(CREATE, ['Options', 'dk'], 'a\0', 'Options["dk"]', 'NUL'),
  wrong(CREATE, ['Options', ''], 'v', 'the key ""', '1–256 bytes'),
];

const sandboxes: readonly BadInput[] = [
  undefined,
  '',
  'netns',
  'run/docker/netns/x',
  '/run/docker/netns/../../../etc/passwd',
  '/..',
  '/run//netns/x',
  '/run/docker/netns/',
  '/run/docker/netns/a\0b',
  '/run/docker/netns/a b',
  '/run/docker/netns/ä',
  `/${'a'.repeat(300)}`,
]
  .map((key) => wrong(JOIN, ['SandboxKey'], key, 'SandboxKey', 'not an absolute path'))
  .concat([
    wrong(JOIN, ['SandboxKey'], 3, 'SandboxKey 3', 'must be string'),
    wrong(JOIN, ['SandboxKey'], ['/run/x'], 'SandboxKey ["/run/x"]', 'must be string'),
  ]);

const mapping = { Proto: 6, IP: '', Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080 };

function badMapping(method: MethodName, change: object, ...err: string[]): BadInput {
  return wrong(method, ['Options', PORT_MAP, 0], { ...mapping, ...change }, `${PORT_MAP}"][0]`, ...err);
}

const mappings: readonly BadInput[] = [
  wrong(JOIN, ['Options'], [], 'Options []', 'must be object'),
  wrong(JOIN, ['Options', PORT_MAP], {}, PORT_MAP, '{}', 'must be an array'),
  wrong(JOIN, ['Options', PORT_MAP], '80:80', PORT_MAP, '"80:80"', 'must be an array'),
  wrong(JOIN, ['Options', PORT_MAP], [80], `${PORT_MAP}"][0] 80`, 'must be object'),
  wrong(JOIN, ['Options', PORT_MAP], [null], `${PORT_MAP}"][0] null`, 'must be object'),
  wrong(
    JOIN,
    ['Options', PORT_MAP],
    [mapping, { ...mapping, Port: '80' }],
    '[1].Port "80"',
    'must be integer',
  ),
  wrong(JOIN, ['Options', PORT_MAP], [{}], `${PORT_MAP}"][0]`, 'Proto'),
  badMapping(JOIN, { Proto: 0 }, 'Proto 0', '6 (tcp), 17 (udp) or 132 (sctp)'),
  badMapping(JOIN, { Proto: 1 }, 'Proto 1', '6 (tcp)'),
  badMapping(JOIN, { Proto: 256 }, 'Proto 256', '6 (tcp)'),
  badMapping(JOIN, { Proto: 'tcp' }, 'Proto "tcp"', 'must be integer'),
  badMapping(JOIN, { Proto: -6 }, 'Proto -6', '6 (tcp)'),
  badMapping(JOIN, { Port: 0 }, 'Port 0', '>= 1'),
  badMapping(JOIN, { Port: 65_536 }, 'Port 65536', '<= 65535'),
  badMapping(JOIN, { Port: -80 }, 'Port -80', '>= 1'),
  badMapping(JOIN, { Port: 80.5 }, 'Port 80.5', 'must be integer'),
  badMapping(JOIN, { Port: 1e300 }, 'Port 1e+300', '65535'),
  badMapping(JOIN, { HostPort: 70_000, HostPortEnd: 0 }, 'HostPort 70000', '<= 65535'),
  badMapping(JOIN, { HostPort: -1 }, 'HostPort -1', '>= 0'),
  badMapping(JOIN, { HostPort: '8080' }, 'HostPort "8080"', 'must be integer'),
  badMapping(JOIN, { HostPortEnd: 8000 }, 'HostPortEnd 8000', 'less than HostPort 8080'),
  badMapping(JOIN, { HostPort: 0, HostPortEnd: 9 }, 'HostPortEnd 9', 'range from 0'),
  badMapping(JOIN, { HostPortEnd: 65_536 }, 'HostPortEnd 65536', '<= 65535'),
  badMapping(JOIN, { HostIP: 'localhost' }, 'HostIP "localhost"', 'not an IP address'),
  badMapping(JOIN, { HostIP: '192.0.2.1/24' }, 'HostIP "192.0.2.1/24"', 'not an IP address'),
  badMapping(JOIN, { HostIP: '[::1]' }, 'HostIP "[::1]"', 'not an IP address'),
  badMapping(JOIN, { HostIP: 'fe80::1%eth0' }, 'HostIP "fe80::1%eth0"', 'not an IP address'),
  badMapping(JOIN, { HostIP: 1 }, 'HostIP 1', 'must be string'),
  badMapping(PROGRAM, { Proto: 58 }, 'Proto 58', '6 (tcp)'),
  badMapping(PROGRAM, { Port: 99_999 }, 'Port 99999', '<= 65535'),
  badMapping(PROGRAM, { HostIP: '256.0.0.1' }, 'HostIP "256.0.0.1"', 'not an IP address'),
  badMapping(CREATE, { Proto: 2 }, 'Proto 2', '6 (tcp)'),
];

const exposed: readonly BadInput[] = [JOIN, PROGRAM, CREATE].flatMap((method) => [
  wrong(method as MethodName, ['Options', EXPOSED_PORTS], 'all', EXPOSED_PORTS, '"all"', 'must be an array'),
  wrong(
    method as MethodName,
    ['Options', EXPOSED_PORTS],
    [{ Proto: 6, Port: 70_000 }],
    `${EXPOSED_PORTS}"][0].Port 70000`,
    '<= 65535',
  ),
  wrong(
    method as MethodName,
    ['Options', EXPOSED_PORTS],
    [
      { Proto: 6, Port: 80 },
      { Proto: 47, Port: 80 },
    ],
    `${EXPOSED_PORTS}"][1].Proto 47`,
    '6 (tcp)',
  ),
]);

/** Cases about endpoints, sandboxes and ports. */
export const ENDPOINT_CASES: readonly BadInput[] = [...ids, ...face, ...sandboxes, ...mappings, ...exposed];
