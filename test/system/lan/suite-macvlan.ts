import type { Test } from 'tap';
import { EngineRefused } from '../../lab/index.ts';
import { cannotReach, pings, reaches } from '../bridge/probe.ts';
import { type Answers, assertAnswers, BRIDGED, type Side } from './answers.ts';
import type { LanContainer, LanHost, LanScene } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

async function machinesOfTheLan(t: Test, scene: LanScene): Promise<void> {
  const { one, two, lan, underlay } = scene;
  for (const host of scene.hosts) await scene.network(host, { name: 'lan' });
  const a = await scene.server(one, 'ann', 'lan');
  const b = await scene.server(one, 'bob', 'lan');
  const c = await scene.server(two, 'cat', 'lan');
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, c],
    [c, a],
  ] as const) {
    const way = `${from.name} to ${to.name}`;
    await reaches(t, from.container, { ip: to.ip, name: to.name, peer: from.ip }, way);
    await reaches(t, from.container, { ip: to.ip6, name: to.name, peer: from.ip6 }, `${way}, IPv6`);
  }
  await reaches(t, a.container, { ip: lan.ip, name: 'lan', peer: a.ip }, 'to another machine, as itself');
  await reaches(t, lan, { ip: a.ip, name: 'ann', peer: lan.ip }, 'and from there');
  t.ok(await pings(a.container, `${underlay.prefix4}.1`), 'the router answers');
  const routes = await a.container.netExec(['ip', '-4', 'route', 'show', 'default']);
  t.match(routes, `default via ${underlay.prefix4}.1 dev eth0`, 'the router is the gateway');
  t.notOk(await pings(a.container, one.host.ip), 'its own host does not answer');
  t.ok(await pings(a.container, two.host.ip), 'the other host does');
  t.match(await a.container.exec(['ping', '-4', '-c', '1', '-W', '2', 'bob']), b.ip, 'names resolve');
}

interface ShownLink {
  readonly mtu: number;
  readonly address: string;
  readonly linkinfo: { readonly info_kind: string; readonly info_data: { readonly mode: string } };
}

async function shownLink(scene: LanScene, on: LanHost, spec: Parameters<LanScene['server']>[3] = {}) {
  const { container } = await scene.server(on, 'ann', 'lan', spec);
  const [link] = JSON.parse(
    await container.netExec(['ip', '-j', '-d', 'link', 'show', 'eth0']),
  ) as ShownLink[];
  if (link === undefined) throw new Error('no eth0');
  return { link, container };
}

async function settings(t: Test, scene: LanScene): Promise<void> {
  const { one } = scene;
  await scene.network(one, { name: 'lan', options: { 'com.docker.network.driver.mtu': '1400' } });
  const mac = '02:42:ac:11:22:33';
  const { link, container } = await shownLink(scene, one, { mac });
  t.match(link, {
    mtu: 1400,
    address: mac,
    linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
  });
  t.equal((await container.endpoint()).MacAddress, mac);
  await scene.clear();
  await scene.network(one, { name: 'lan' });
  const other = await shownLink(scene, one);
  t.equal(other.link.mtu, 1500, 'the parent’s MTU');
  t.equal((await other.container.endpoint()).MacAddress, other.link.address, 'Docker knows the MAC');
}

async function internal(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  for (const [name, subnet] of [
    ['in', '10.9.1.0/24'],
    ['other', '10.9.2.0/24'],
  ] as const) {
    await one.host.docker.createNetwork({
      name,
      driver: 'weft-macvlan',
      ipamDriver: 'weft',
      subnets: [{ subnet }],
      internal: name === 'other',
    });
  }
  const own = { ip6: '' };
  const a = await scene.server(one, 'ann', 'in', { ...own, ip: '10.9.1.5' });
  const b = await scene.server(one, 'bob', 'in', { ...own, ip: '10.9.1.6' });
  const c = await scene.server(one, 'cat', 'other', { ...own, ip: '10.9.2.5' });
  await reaches(t, a.container, { ip: '10.9.1.6', name: 'bob', peer: '10.9.1.5' }, 'among themselves');
  await reaches(t, b.container, { ip: '10.9.1.5', name: 'ann' }, 'both ways');
  t.equal((await a.container.netExec(['ip', 'route', 'show', 'default'])).trim(), '', 'no way out');
  await a.container.netExec(['ip', 'route', 'add', 'default', 'dev', 'eth0']);
  await cannotReach(t, a.container, { ip: lan.ip }, 'not even with a route');
  await cannotReach(t, a.container, { ip: '10.9.2.5' }, 'nor to another internal network');
  t.ok(c);
}

/** What `docker network create` says. */
async function refusal(scene: LanScene, spec: Parameters<LanScene['network']>[1]): Promise<string> {
  try {
    await scene.network(scene.one, spec);
    return 'accepted';
  } catch (error) {
    if (error instanceof EngineRefused) return error.message;
    throw error;
  }
}

async function refusals(t: Test, scene: LanScene): Promise<void> {
  const { one, underlay } = scene;
  await one.host.exec(['ip', 'link', 'add', 'br9', 'type', 'bridge']);
  await one.host.exec(['sh', '-c', 'ip link add v9 type veth peer name w9; ip link set v9 master br9']);
  await scene.network(one, { name: 'lan' });
  const elsewhere = [{ subnet: '10.9.3.0/24' }];
  const cases: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
    ['no such device', { parent: 'eth9' }, /option parent is "eth9": this host has no such device/],
    ['no such device of a VLAN', { parent: 'eth9.5' }, /"eth9\.5": this host has no device eth9/],
    ['loopback', { parent: 'lo' }, /nothing can stand on the loopback device/],
    ['VLAN 0', { parent: 'eth0.0' }, /VLAN ids are 1 to 4094/],
    ['VLAN 4095', { parent: 'eth0.4095' }, /VLAN ids are 1 to 4094/],
    ['a bridge port', { parent: 'v9' }, /it is a port of the bridge br9/],
    [
      'passthru on a parent in use',
      { macvlan_mode: 'passthru' },
      /mode "passthru" would have its parent alone/,
    ],
    ['more than the parent carries', { 'com.docker.network.driver.mtu': '9000' }, /eth0 carries 1500 bytes/],
  ];
  for (const [name, options, message] of cases) {
    t.match(await refusal(scene, { name: 'x', ipv6: false, subnets: elsewhere, options }), message, name);
  }
  const ipvlan = { name: 'x', driver: 'weft-ipvlan', ipv6: false, subnets: elsewhere };
  t.match(await refusal(scene, ipvlan), /one device carries ipvlan or macvlan links, not both/, 'ipvlan');
  await scene.network(one, { ...ipvlan, driver: 'weft-macvlan', options: { macvlan_mode: 'private' } });
  t.pass('another macvlan network shares the parent');
  await one.host.exec(['sh', '-c', 'ip link del v9; ip link del br9']);
  t.ok(underlay);
}

async function passthru(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  const parent = JSON.parse(await one.host.exec(['ip', '-j', 'link', 'show', 'eth0'])) as {
    address: string;
  }[];
  await scene.network(one, { name: 'lan', options: { macvlan_mode: 'passthru' } });
  t.match(
    await refusal(scene, { name: 'x', ipv6: false, subnets: [{ subnet: '10.9.3.0/24' }] }),
    /has its parent alone/,
  );
  const { link, container } = await shownLink(scene, one);
  t.equal(link.address, parent[0]?.address, 'the container has the parent’s MAC');
  await reaches(t, container, { ip: lan.ip, name: 'lan' }, 'reaches the LAN');
  t.match(
    await scene.server(one, 'bob', 'lan').then(
      () => 'started',
      (error: Error) => error.message,
    ),
    /with macvlan_mode=passthru has one container at a time: endpoint \w{12} is in sandbox/,
    'a second container is refused, naming the first',
  );
}

const ANSWERS: Readonly<Record<string, Answers>> = {
  ...BRIDGED,
  // Docker's containers take the parent's frames, and its host's addresses are behind them: the other host is not asked.
  passthru: { elsewhere: true, machine: true, router: true, host: false },
};

/** One host with weft's driver and one with Docker's own, in the same mode: who answers whom. */
async function modes(t: Test, scene: LanScene): Promise<void> {
  for (const [mode, expected] of Object.entries(ANSWERS)) {
    const side = async (on: LanHost, driver: string): Promise<Side> => {
      await scene.network(on, { name: 'lan', driver, options: { macvlan_mode: mode } });
      const containers: LanContainer[] = [];
      for (const name of mode === 'passthru' ? ['ann'] : ['ann', 'bob']) {
        containers.push(await scene.server(on, name, 'lan'));
      }
      return { on, driver, containers };
    };
    const sides = [await side(scene.one, 'weft-macvlan'), await side(scene.two, 'macvlan')] as const;
    await assertAnswers(t, scene, sides, { mode, expected, keys: ['ip', 'ip6'] });
    await scene.clear();
  }
}

export const macvlan: LanSuite = {
  'containers are machines of the LAN': machinesOfTheLan,
  'MTU and MAC': settings,
  'without a parent': internal,
  'what cannot be is refused with the reason': refusals,
  passthru,
  'every mode, beside Docker’s own driver': modes,
};
