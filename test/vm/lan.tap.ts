import t, { type Test } from 'tap';
import { poll } from '../support/poll.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';
import { echoes, LanHost, type LanSandbox } from './lan-host.ts';

/*
 * ipvlan and 802.1Q sub-interfaces, which the machine's own kernel may lack: who reaches whom in every mode, beside
 * links that `ip` made as Docker's drivers make them; VLANs made, shared and removed; links made again.
 */

t.setTimeout(500_000);

const IPVLAN = [
  ['l2', 'bridge'],
  ['l2', 'private'],
  ['l2', 'vepa'],
  ['l3', 'bridge'],
  ['l3', 'private'],
  ['l3s', 'bridge'],
] as const;

/** Who of this mode and flag answers: another container of the host, another machine, the host. */
const REACHES: Readonly<Record<string, readonly [boolean, boolean, boolean]>> = {
  bridge: [true, true, false],
  private: [false, true, false],
  vepa: [false, true, false],
};

/** A namespace with an ipvlan link on `eth0` of the host, as moby's driver makes it. */
async function byHand(lan: LanHost, mode: string, flag: string, ip: string): Promise<LanSandbox> {
  const namespace = await openScratchNamespace();
  lan.host.namespace.run(
    `ip link add link eth0 name hand netns ${namespace.pid} type ipvlan mode ${mode} ${flag}`,
  );
  namespace.run(`ip link set lo up; ip link set hand name eth0; ip address add ${ip}/24 dev eth0
    ip link set eth0 up`);
  if (mode !== 'l2') namespace.run('ip route add default dev eth0');
  return { namespace, ip, networkId: '', endpointId: '' };
}

function matrix([a, b]: readonly [LanSandbox, LanSandbox]): readonly boolean[] {
  return [b.ip, '10.9.0.2', '10.9.0.1'].map((ip) => echoes(a.namespace, ip));
}

async function mode(t: Test, lan: LanHost, mode: string, flag: string): Promise<void> {
  // On layer 3 nobody answers ARP for containers: the LAN needs a route to them.
  const routes = mode === 'l2' ? [] : ['10.9.0.21', '10.9.0.31'];
  for (const ip of routes) lan.machine.run(`ip route add ${ip} via 10.9.0.1`);
  const options = { parent: 'eth0', ipvlan_mode: mode, ipvlan_flag: flag };
  const own = [
    await byHand(lan, mode, flag, '10.9.0.31'),
    await byHand(lan, mode, flag, '10.9.0.32'),
  ] as const;
  const docker = matrix(own);
  for (const { namespace } of own) namespace[Symbol.dispose]();
  const id = await lan.network('weft-ipvlan', '10.9.0.0/24', options);
  const pair = [
    await lan.container('weft-ipvlan', id, '10.9.0.21'),
    await lan.container('weft-ipvlan', id, '10.9.0.22'),
  ] as const;
  const weft = matrix(pair);
  t.same(weft, docker, 'as links that were made by hand');
  t.same(weft, REACHES[flag], 'container, machine, host');
  t.match(
    pair[0].namespace.run('ip -d link show eth0'),
    new RegExp(`ipvlan +mode ${mode} ${flag}`),
    'the link is so',
  );
  for (const ip of routes) lan.machine.run(`ip route delete ${ip}`);
  for (const each of pair) await lan.remove('weft-ipvlan', each);
  await lan.removeNetwork('weft-ipvlan', id);
}

async function hostAccess(t: Test, lan: LanHost, mode: string): Promise<void> {
  const id = await lan.network(
    'weft-ipvlan',
    '10.9.0.0/24',
    { parent: 'eth0', ipvlan_mode: mode, 'weft.host_access': 'true' },
    { aux: { 'weft.host': '10.9.0.99/24' } },
  );
  const a = await lan.container('weft-ipvlan', id, '10.9.0.23');
  t.ok(echoes(lan.host.namespace, a.ip), `${mode}: the host reaches the container`);
  t.ok(echoes(a.namespace, '10.9.0.99'), 'the container reaches the host');
  if (mode === 'l2') t.ok(echoes(a.namespace, '10.9.0.2'), 'and the LAN');
  await lan.remove('weft-ipvlan', a);
  await lan.removeNetwork('weft-ipvlan', id);
}

async function addressSafety(t: Test, lan: LanHost): Promise<void> {
  const { host, machine } = lan;
  const macOf = (on: LanSandbox['namespace']) =>
    /ether (\S+)/.exec(on.run('ip -o link show eth0'))?.[1] ?? '';
  const id = await lan.network('weft-ipvlan', '10.9.0.0/24', { parent: 'eth0' });
  for (const [ip, holder] of [
    ['10.9.0.2', macOf(machine)],
    ['10.9.0.1', `${macOf(host.namespace)}, this host’s eth0`],
  ] as const) {
    await t.rejects(
      lan.container('weft-ipvlan', id, ip),
      new RegExp(`address ${ip} is in use on the LAN of eth0 by ${holder}`),
    );
  }
  const ip = '10.9.0.24';
  const believes = () => machine.run(`ip neigh show ${ip} dev eth0`);
  machine.run(`ip neigh replace ${ip} dev eth0 lladdr 02:00:00:00:00:01 nud stale`);
  const a = await lan.container('weft-ipvlan', id, ip);
  await poll(() => believes().includes(macOf(host.namespace)), 10_000);
  t.pass('another machine is told without having asked');
  const before = macOf(host.namespace);
  lan.replaceDevice();
  t.not(macOf(host.namespace), before);
  await poll(() => believes().includes(macOf(host.namespace)), 20_000);
  t.pass('and again, when the container has its link on another device');
  t.ok(echoes(machine, ip), 'where it answers');
  await lan.remove('weft-ipvlan', a);
  await lan.removeNetwork('weft-ipvlan', id);
}

async function vlans(t: Test, lan: LanHost): Promise<void> {
  const { namespace } = lan.host;
  const links = (): string => namespace.run('ip -d -o link show');
  const first = await lan.network('weft-macvlan', '10.9.50.0/24', { parent: 'eth0.50' });
  const second = await lan.network('weft-macvlan', '10.9.51.0/24', { parent: 'eth0.50' });
  t.match(links(), /eth0\.50@eth0: .*UP.* vlan protocol 802\.1Q id 50 /, 'the sub-interface is made');
  const a = await lan.container('weft-macvlan', first, '10.9.50.7');
  t.ok(echoes(a.namespace, '10.9.50.2'), 'a container reaches the VLAN');
  await t.rejects(
    lan.network('weft-ipvlan', '10.9.52.0/24', { parent: 'eth0.50' }),
    /one device carries ipvlan or macvlan links/,
  );
  const onDevice = await lan.network('weft-ipvlan', '10.9.52.0/24', { parent: 'eth0' });
  t.pass('the device itself is another parent');
  namespace.run('ip link delete eth0.50');
  await poll(() => links().includes('eth0.50@') && echoes(a.namespace, '10.9.50.2'), 20_000);
  t.pass('a lost sub-interface is made again, and the links on it');
  await lan.host.killWeftd();
  namespace.run('ip link delete eth0.50');
  await lan.host.startWeftd();
  await poll(() => echoes(a.namespace, '10.9.50.2'), 20_000);
  t.pass('also while weftd was away');
  namespace.run('ip link set eth0 down');
  namespace.run('ip link set eth0 up');
  await poll(() => echoes(a.namespace, '10.9.50.2'), 20_000);
  t.pass('and works after the device was down');
  await lan.removeNetwork('weft-macvlan', second);
  await lan.host.control('/v1/status');
  t.ok(echoes(a.namespace, '10.9.50.2'), 'it stays for the other network');
  await lan.remove('weft-macvlan', a);
  await lan.removeNetwork('weft-macvlan', first);
  await lan.removeNetwork('weft-ipvlan', onDevice);
  await poll(() => !links().includes('eth0.50@'), 10_000);
  t.pass('and goes with the last one');
}

async function foreignVlan(t: Test, lan: LanHost): Promise<void> {
  const { namespace } = lan.host;
  namespace.run('ip link add link eth0 name eth0.50 type vlan id 50; ip link set eth0.50 up');
  const id = await lan.network('weft-ipvlan', '10.9.50.0/24', { parent: 'eth0.50' });
  const a = await lan.container('weft-ipvlan', id, '10.9.50.8');
  t.ok(echoes(a.namespace, '10.9.50.2'), 'somebody else’s sub-interface is used');
  await lan.remove('weft-ipvlan', a);
  await lan.removeNetwork('weft-ipvlan', id);
  await lan.host.stopWeftd();
  await lan.host.startWeftd();
  t.match(namespace.run('ip -o link show'), /eth0\.50@eth0/, 'and stays');
  namespace.run('ip link delete eth0.50');
}

async function internal(t: Test, lan: LanHost): Promise<void> {
  const id = await lan.network('weft-ipvlan', '10.9.60.0/24', {});
  t.match(lan.host.namespace.run('ip -d -o link show'), / wp-[a-z2-7]+: .* dummy /, 'on a dummy device');
  const a = await lan.container('weft-ipvlan', id, '10.9.60.2');
  const b = await lan.container('weft-ipvlan', id, '10.9.60.3');
  t.ok(echoes(a.namespace, b.ip), 'containers reach each other');
  for (const each of [a, b]) await lan.remove('weft-ipvlan', each);
  await lan.removeNetwork('weft-ipvlan', id);
}

const lan = await LanHost.open();
/** `SUITE_ONLY` in the environment is a regular expression that picks tests by name. */
const ONLY = new RegExp(process.env['SUITE_ONLY'] ?? '');
const TESTS: readonly (readonly [string, (t: Test) => Promise<void>])[] = [
  ...IPVLAN.map(([name, flag]) => [`ipvlan ${name} ${flag}`, (t: Test) => mode(t, lan, name, flag)] as const),
  ...['l2', 'l3', 'l3s'].map(
    (name) => [`ipvlan host access, ${name}`, (t: Test) => hostAccess(t, lan, name)] as const,
  ),
  ['ipvlan addresses on a shared LAN', (t) => addressSafety(t, lan)],
  ['VLANs', (t) => vlans(t, lan)],
  ['a VLAN of somebody else’s', (t) => foreignVlan(t, lan)],
  ['without a parent', (t) => internal(t, lan)],
];
try {
  for (const [name, body] of TESTS.filter(([name]) => ONLY.test(name))) await t.test(name, body);
  await t.test('nothing is left, and nothing went wrong', async (t) => {
    await poll(() => !/ w[a-z]-[a-z2-7]{10}/.test(lan.host.namespace.run('ip -o link show')), 10_000);
    t.notMatch(lan.host.log, /"level":(50|60)/, 'weftd logged no error');
  });
} finally {
  if (process.env['SHOW_LOG'] !== undefined) t.comment(lan.host.log);
  await lan[Symbol.asyncDispose]();
}
