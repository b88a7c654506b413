import { expect, test } from 'vitest';
import type { Cidr } from '../../core/address.ts';
import type { DoctorFinding } from '../../core/control.ts';
import { linkName } from '../../core/names.ts';
import { judgeBridgeNetfilter } from './bridge-netfilter.ts';
import { judgeBridges } from './bridges.ts';
import { judgeClusterNetworks } from './cluster-networks.ts';
import { judgeNodes } from './cluster-nodes.ts';
import { judgeClusterStore } from './cluster-store.ts';
import { judgeConntrackTable } from './conntrack-table.ts';
import { judgeContainerDns } from './container-dns.ts';
import { judgeDhcpLeases } from './dhcp-leases.ts';
import { judgeEngine } from './docker-engine.ts';
import { judgeDockerSubnets } from './docker-subnets.ts';
import { judgeFirewallManagers } from './firewall-managers.ts';
import { judgeForwarding } from './forwarding.ts';
import type { DhcpFacts } from './host-view.ts';
import { judgeFeatures } from './kernel-features.ts';
import { judgeLegacyTables } from './legacy-iptables.ts';
import { judgeMtu } from './mtu.ts';
import { judgeNeighbourTable } from './neighbour-tables.ts';
import { judgeParents } from './parent-devices.ts';
import { judgePluginSockets } from './plugin-sockets.ts';
import { judgePluginSpecs } from './plugin-specs.ts';
import { judgePools } from './pools.ts';
import { judgePublishing } from './published-on-lan.ts';
import { judgeRecords } from './records.ts';
import { judgeResolver } from './resolver.ts';
import { judgeReversePath } from './reverse-path.ts';
import { judgeRouteOverlaps } from './route-overlaps.ts';
import { judgeServices } from './services.ts';
import { judgeStoreRecords } from './store-records.ts';
import { findStrays, judgeStrays } from './stray-links.ts';

type Row = readonly [name: string, findings: readonly DoctorFinding[], levels: string, said?: RegExp];

const cidr = (text: string): Cidr => text as Cidr;
const lan = { label: 'app', subnets: [cidr('10.1.0.0/24'), cidr('fd00:1::/64')] };
const up = { label: 'app', bridge: 'wb-aaaaaaaaaa', state: 'up', ports: 900 } as const;
const agreed = { forgottenNetworks: [], forgottenEndpoints: [], unknownNetworks: [], graceMs: 60_000 };
const feature = { name: 'bridges', evidence: 'loaded', loss: 'nothing works', remedy: 'modprobe' } as const;
const socket = (name: string, state: 'answers' | 'refused') => ({ name, path: `/p/${name}.sock`, state });
const pool = (used: number, resting: number, usable: number, conflicts = 0) => [
  { id: 'local/10.1.0.0/24', used, resting, conflicts, usable },
];
const dhcpLease = {
  device: 'eth0',
  mac: '02:42:00:00:00:77',
  lease: { ip: '192.0.2.77', server: '192.0.2.1', rebindAt: 2000, expiresAt: 3000 },
} as DhcpFacts;
const neighbours = (endpoints: number) =>
  judgeNeighbourTable({ family: 'ipv4', thresholds: [128, 512, 1024], endpoints });

const etcd = 'etcd://root:secret@h1:2379,h2:2379';
const self = { name: 'h1', self: true, address: '192.0.2.1', state: 'ready', answers: true } as const;
const other = { name: 'h2', self: false, address: '192.0.2.2', state: 'ready', answers: true } as const;
const refusedHere = { name: 'app', reason: 'overlaps eth1' };

const backend = (takesConnections: boolean) =>
  ({ name: 'web-1', state: 'starting', takesConnections }) as const;
const shop = (change: object = {}) => ({
  ...{ name: 'shop', network: 'app', unused: false, backends: [backend(false)] },
  ...change,
});

const ROWS: readonly Row[] = [
  ['no services', judgeServices([], []), ''],
  ['a service with a backend', judgeServices([shop({ backends: [backend(true)] })], []), 'ok', /1 service/],
  [
    'a service whose backends start',
    judgeServices([shop()], []),
    'warn',
    /shop on network app[\s\S]*web-1 starting/,
  ],
  ['a service with none', judgeServices([shop({ backends: [] })], []), 'warn', /none at all/],
  ['a service about to go', judgeServices([shop({ unused: true, backends: [] })], []), 'ok'],
  ['declarations that differ', judgeServices([], ['web-2 says 81']), 'warn', /web-2 says 81/],
  ['the resolver', judgeResolver({ state: 'on', sandboxes: 4, restarts: 0 }), 'ok', /4 sandboxes/],
  ['no resolver', judgeResolver({ state: 'off', sandboxes: 0, restarts: 0 }), 'info', /--resolver off/],
  [
    'the resolver is gone',
    judgeResolver({ state: 'restarting', sandboxes: 0, restarts: 3, lastError: 'exited with code 1' }),
    'fail',
    /exited with code 1/,
  ],
  ['containers as supposed', judgeContainerDns({ ownServers: [], elsewhere: [] }), ''],
  [
    'containers with --dns',
    judgeContainerDns({ ownServers: [{ name: 'web', dns: ['192.0.2.53'] }], elsewhere: [] }),
    'info',
    /web \(192\.0\.2\.53\)/,
  ],
  [
    'a label that means nothing',
    judgeContainerDns({ ownServers: [], elsewhere: [{ name: 'web', networkMode: 'host' }] }),
    'info',
    /web \(host\)/,
  ],
  [
    'embedded store',
    judgeClusterStore({ connected: true, revision: 1n, behind: false, ageMs: 0 }, undefined),
    '',
  ],
  [
    'etcd answers',
    judgeClusterStore({ connected: true, revision: 1n, behind: false, ageMs: 9 }, etcd),
    'ok',
    /\(etcd:\/\/h1:/,
  ],
  [
    'etcd does not answer',
    judgeClusterStore(
      { connected: false, revision: 1n, behind: false, ageMs: 42_000, lastError: 'ECONNREFUSED' },
      etcd,
    ),
    'fail',
    /42 s[\s\S]*h2:2379: ECONNREFUSED/,
  ],
  ['a cluster of one', judgeNodes([self]), 'ok', /is its cluster/],
  ['all nodes answer', judgeNodes([self, other]), 'ok', /2 nodes/],
  ['fenced', judgeNodes([{ ...self, state: 'fenced', reason: 'removed' }, other]), 'fail', /removed/],
  ['own lease lost', judgeNodes([{ ...self, state: 'no-lease' }]), 'warn', /for dead/],
  ['a dead node', judgeNodes([self, { ...other, state: 'dead', answers: false }]), 'warn', /weft node rm h2/],
  ['a node without lease', judgeNodes([self, { ...other, state: 'no-lease' }]), 'warn', /left as they are/],
  ['a silent address', judgeNodes([self, { ...other, answers: false }]), 'warn', /ping 192\.0\.2\.2/],
  ['no overlay networks', judgeClusterNetworks({ here: [], refused: [] }), ''],
  ['bound', judgeClusterNetworks({ here: [{ label: 'app', state: 'bound' }], refused: [] }), 'ok'],
  ['waiting', judgeClusterNetworks({ here: [{ label: 'app', state: 'waiting' }], refused: [] }), 'warn'],
  [
    'refused by the cluster, and refused here',
    judgeClusterNetworks({
      here: [{ label: 'x', state: 'refused', reason: 'differs' }],
      refused: [refusedHere],
    }),
    'fail fail',
    /differs[\s\S]*overlaps eth1/,
  ],

  ['forwarding on', judgeForwarding({ ipv4: '1', ipv6: '1', usesIpv6: true }), 'ok'],
  ['IPv4 off', judgeForwarding({ ipv4: '0', ipv6: '1', usesIpv6: false }), 'fail', /ip_forward=1/],
  ['both off', judgeForwarding({ ipv4: '0', ipv6: '0', usesIpv6: false }), 'fail fail', /ipv6\.conf\.all/],
  ['no IPv6, none used', judgeForwarding({ ipv4: '1', ipv6: undefined, usesIpv6: false }), 'ok', /no IPv6/],
  [
    'no IPv6, but used',
    judgeForwarding({ ipv4: '1', ipv6: undefined, usesIpv6: true }),
    'fail',
    /ipv6\.disable/,
  ],

  ['br_netfilter not loaded', judgeBridgeNetfilter([['net/bridge/x', undefined]]), 'ok'],
  ['br_netfilter off', judgeBridgeNetfilter([['net/bridge/x', '0']]), 'ok'],
  [
    'br_netfilter on',
    judgeBridgeNetfilter([
      ['net/bridge/x', '1'],
      ['net/bridge/y', '1'],
    ]),
    'info',
    /x and net\.bridge\.y = 1/,
  ],

  ['rp_filter off', judgeReversePath('0', [['eth0', '0']]), 'ok'],
  ['loose wins over strict', judgeReversePath('2', [['eth0', '1']]), 'ok'],
  [
    'strict on the device',
    judgeReversePath('0', [
      ['eth0', '0'],
      ['eth1', '1'],
    ]),
    'info',
    /on eth1;/,
  ],
  ['strict on all', judgeReversePath('1', [['eth0', '0']]), 'info', /on eth0;/],

  ['neighbours: none', neighbours(0), ''],
  ['neighbours: at gc_thresh2', neighbours(256), ''],
  ['neighbours: over gc_thresh2', neighbours(257), 'info', /gc_thresh3=4096/],
  ['neighbours: at 80 %', neighbours(409), 'info'],
  ['neighbours: over 80 %', neighbours(410), 'warn', /gc_thresh1=1024 .*gc_thresh2=2048 .*gc_thresh3=4096/],
  ['neighbours: many', neighbours(5000), 'warn', /gc_thresh3=65536/],

  ['conntrack empty', judgeConntrackTable(0, 1000), 'ok'],
  ['conntrack at 80 %', judgeConntrackTable(800, 1000), 'ok'],
  ['conntrack over 80 %', judgeConntrackTable(801, 1000), 'warn', /nf_conntrack_max=2000/],
  ['conntrack full', judgeConntrackTable(1000, 1000), 'fail', /full/],
  ['conntrack unlimited', judgeConntrackTable(9_999_999, 0), 'ok', /unlimited/],

  [
    'no legacy tables',
    judgeLegacyTables([
      ['iptables-legacy', []],
      ['ip6tables-legacy', []],
    ]),
    'ok',
  ],
  [
    'legacy tables',
    judgeLegacyTables([
      ['iptables-legacy', ['nat', 'filter']],
      ['ip6tables-legacy', []],
    ]),
    'info',
    /: nat, filter.*See iptables-legacy -S FORWARD$/s,
  ],

  ['no manager', judgeFirewallManagers({ firewalld: false, ufwConfig: undefined }), 'ok'],
  ['ufw off', judgeFirewallManagers({ firewalld: false, ufwConfig: '# ENABLED=yes\nENABLED=no\n' }), 'ok'],
  [
    'ufw on',
    judgeFirewallManagers({ firewalld: false, ufwConfig: '# ufw\nENABLED=yes\nLOGLEVEL=low\n' }),
    'info',
    /127\.0\.0\.1/,
  ],
  [
    'both',
    judgeFirewallManagers({ firewalld: true, ufwConfig: 'ENABLED=yes' }),
    'info info',
    /firewall-cmd .*wb-\+/,
  ],

  ['without Docker', judgeEngine({ kind: 'none' }), 'info', /--docker none/],
  [
    'Docker silent',
    judgeEngine({ kind: 'silent', socket: '/run/docker.sock' }),
    'warn',
    /\/run\/docker\.sock/,
  ],
  ['Docker oldest', judgeEngine({ kind: 'answers', version: '20.10.0' }), 'ok'],
  ['Docker new', judgeEngine({ kind: 'answers', version: '29.4.1-ce' }), 'ok', /29\.4\.1-ce/],
  ['Docker too old', judgeEngine({ kind: 'answers', version: '19.03.15' }), 'warn'],
  ['Docker just too old', judgeEngine({ kind: 'answers', version: '20.9.9' }), 'warn'],

  ['records readable', judgeStoreRecords([]), 'ok'],
  ['records unreadable', judgeStoreRecords(['network/x: version 9', 'y']), 'fail fail', /version 9/],

  ['same records', judgeRecords(agreed), 'ok'],
  [
    'Docker forgot an endpoint',
    judgeRecords({ ...agreed, forgottenEndpoints: [{ id: 'e1', label: 'e1' }] }),
    'info',
    /1 endpoint of.*for 60 s/s,
  ],
  [
    'weft lost a network',
    judgeRecords({ ...agreed, unknownNetworks: [{ id: 'n', label: 'app', driver: 'weft-bridge' }] }),
    'fail',
    /docker network rm app/,
  ],

  ['no DHCP', judgeDhcpLeases([], 0), ''],
  ['DHCP leased', judgeDhcpLeases([dhcpLease], 1999), 'ok', /1 lease/],
  ['DHCP not renewed', judgeDhcpLeases([dhcpLease], 2000), 'warn', /1970-01-01T00:00:03/],
  [
    'DHCP lease lost',
    judgeDhcpLeases([{ ...dhcpLease, lost: { since: 3000, reason: 'no server' } }, dhcpLease], 1000),
    'fail',
    /02:42:00:00:00:77 has address 192\.0\.2\.77 without.*1970-01-01T00:00:03.*no server.*eth0/s,
  ],

  ['pools none', judgePools([]), 'ok', /0 pools/],
  ['pool at 90 %', judgePools(pool(225, 0, 250)), 'ok'],
  ['pool over 90 %', judgePools(pool(220, 6, 250)), 'warn', /6 resting/],
  ['pool full of others', judgePools(pool(4, 0, 6, 2)), 'fail', /2 in use by others on the LAN, of 6/],
  ['pool full by resting', judgePools(pool(249, 1, 250)), 'fail', /full/],

  ['MTU without uplink', judgeMtu([{ label: 'app', option: 9000 }], undefined), 'ok'],
  ['MTU equal', judgeMtu([{ label: 'app', option: 1500, bridge: 1500 }], { name: 'eth0', mtu: 1500 }), 'ok'],
  [
    'MTU of the option too large',
    judgeMtu([{ label: 'app', option: 1501 }], { name: 'eth0', mtu: 1500 }),
    'warn',
    /mtu=1500/,
  ],
  [
    'MTU of the link too large',
    judgeMtu([{ label: 'app', bridge: 1500 }], { name: 'eth0', mtu: 1450 }),
    'warn',
    /1450 of eth0/,
  ],

  ['no parents', judgeParents([]), ''],
  ['parent there', judgeParents([{ label: 'lan', parent: 'eth0', parentMtu: 1500, mtu: 1500 }]), 'ok'],
  ['parent lost', judgeParents([{ label: 'lan', parent: 'eth7', parentMtu: undefined }]), 'fail', /eth7/],
  [
    'MTU over the parent',
    judgeParents([{ label: 'lan', parent: 'eth0', parentMtu: 1500, mtu: 9000 }]),
    'warn',
    /9000/,
  ],

  ['nothing on a LAN', judgePublishing([]), ''],
  ['no ports on a LAN', judgePublishing([{ label: 'lan', publishing: 0 }]), 'ok'],
  ['ports on a LAN', judgePublishing([{ label: 'lan', publishing: 2 }]), 'info', /network lan: 2 of/],

  [
    'no overlap with routes',
    judgeRouteOverlaps([lan], [{ destination: cidr('10.2.0.0/16'), dev: 'eth0' }]),
    'ok',
  ],
  [
    'default routes overlap nothing',
    judgeRouteOverlaps(
      [lan],
      [{ destination: cidr('0.0.0.0/0'), dev: 'eth0' }, { destination: cidr('::/0') }],
    ),
    'ok',
  ],
  [
    'route contains the subnet',
    judgeRouteOverlaps([lan], [{ destination: cidr('10.0.0.0/8'), dev: 'tun0' }]),
    'warn',
    /10\.1\.0\.0\/24 .*10\.0\.0\.0\/8.*tun0/s,
  ],
  [
    'route within the IPv6 subnet',
    judgeRouteOverlaps([lan], [{ destination: cidr('fd00:1::7/128') }]),
    'warn',
    /several devices/,
  ],

  [
    'no overlap with Docker',
    judgeDockerSubnets(
      [lan],
      [
        {
          name: 'b',
          driver: 'bridge',
          subnets: [
            { subnet: '172.17.0.0/16', aux: {} },
            { subnet: '', aux: {} },
          ],
        },
      ],
    ),
    'ok',
  ],
  [
    'own networks are not foreign',
    judgeDockerSubnets(
      [lan],
      [{ name: 'app', driver: 'weft-bridge', subnets: [{ subnet: '10.1.0.0/24', aux: {} }] }],
    ),
    'ok',
  ],
  [
    'overlap with Docker',
    judgeDockerSubnets(
      [lan],
      [{ name: 'other', driver: 'bridge', subnets: [{ subnet: '10.1.0.128/25', aux: {} }] }],
    ),
    'warn',
    /app overlaps 10\.1\.0\.128\/25 of Docker network other/,
  ],

  ['bridges none', judgeBridges([]), 'ok', /0 bridges/],
  ['bridge up, 900 ports', judgeBridges([up]), 'ok'],
  ['bridge with 901 ports', judgeBridges([{ ...up, ports: 901 }]), 'warn', /901 of 1023/],
  ['bridge down and crowded', judgeBridges([{ ...up, state: 'down', ports: 1000 }]), 'fail warn', /is down/],
  ['bridge missing', judgeBridges([{ ...up, state: 'missing' }]), 'fail', /weft drift/],
  ['bridge foreign', judgeBridges([{ ...up, state: 'foreign' }]), 'fail', /ip link set/],

  ['all features', judgeFeatures([{ ...feature, state: 'present' }]), 'ok', /bridges: loaded/],
  [
    'a feature lacking',
    judgeFeatures([
      { ...feature, state: 'present' },
      { ...feature, state: 'absent' },
    ]),
    'fail',
    /nothing works/,
  ],
  ['a feature unknown', judgeFeatures([{ ...feature, state: 'unknown' }]), 'warn', /unknown/],
  ['an optional one lacking', judgeFeatures([{ ...feature, state: 'absent', optional: true }]), 'ok info'],

  ['own sockets answer', judgePluginSockets([socket('weft', 'answers')], ['weft']), 'ok'],
  ['own socket lost', judgePluginSockets([], ['weft', 'weft-bridge']), 'fail', /weft, weft-bridge/],
  ['own socket refuses', judgePluginSockets([socket('weft', 'refused')], ['weft']), 'fail'],
  [
    'another plugin',
    judgePluginSockets([socket('weft', 'answers'), socket('nfs', 'answers')], ['weft']),
    'ok info',
    /nfs/,
  ],
  [
    'a stale plugin',
    judgePluginSockets([socket('weft', 'answers'), socket('nfs', 'refused')], ['weft']),
    'warn',
    /rm \/p\/nfs\.sock/,
  ],

  ['no specs of ours', judgePluginSpecs(['/etc/docker/plugins/nfs.spec'], ['weft']), 'ok'],
  [
    'a spec of ours',
    judgePluginSpecs(['/etc/docker/plugins/weft.json', '/x/weftish.spec'], ['weft']),
    'warn',
    /rm \/etc\/docker\/plugins\/weft\.json/,
  ],
];

for (const [name, findings, levels, said = /./] of ROWS) {
  test(name, () => {
    expect(findings.map(({ level }) => level).join(' ')).toBe(levels);
    const text = findings.map(({ title, detail, remedy }) => [title, detail, remedy].join('\n')).join('\n');
    expect(text).toMatch(levels === '' ? /^$/ : said);
    for (const { level, remedy } of findings) if (level === 'fail') expect(remedy).toBeDefined();
  });
}

test('strays are links with a derived name or an alias of weft, and no owner', () => {
  const link = (name: string, alias?: string) => ({ name, type: 'veth', mtu: 1500, ...(alias && { alias }) });
  const [owned, lost] = [linkName('wv', 'mine'), linkName('wv', 'lost')];
  const links = [
    link('eth0'),
    link('wb-short'),
    link(owned),
    link(lost),
    link('lan0', 'weft:weft-bridge:x'),
    link('br0', 'notweft:'),
  ];
  const strays = findStrays(links, new Set([owned]));
  expect(strays.map(({ name }) => name)).toEqual([lost, 'lan0']);
  expect(judgeStrays(strays)).toMatchObject([
    { level: 'warn', remedy: expect.stringContaining(`ip link delete ${lost}; ip link delete lan0`) },
  ]);
  expect(judgeStrays([])).toMatchObject([{ level: 'ok' }]);
});
