import type { Test } from 'tap';
import { type Container, until } from '../../lab/index.ts';
import { ask, reaches } from '../bridge/probe.ts';
import { hostRoutes, type LanContainer, type LanHost, type LanScene, restartWeftd } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

const WRONG_MAC = '02:00:00:00:00:01';

/** A parent of the test's own: the host end of a pair whose other end is the far machine, which believes in a wrong MAC. */
async function makeParent(on: LanHost): Promise<void> {
  await on.host.exec([
    'sh',
    '-ec',
    `ip link add par0 type veth peer name far0; ip addr add 10.9.8.1/24 dev far0; ip link set far0 up
    ip neigh add 10.9.8.5 dev far0 lladdr ${WRONG_MAC} nud stale; ip link set par0 up`,
  ]);
}

const ON_OWN_PARENT = {
  name: 'lan',
  ipv6: false,
  subnets: [{ subnet: '10.9.8.0/24', gateway: '10.9.8.1' }],
  options: { parent: 'par0' },
} as const;

async function answers(t: Test, from: LanHost, { ip, name }: LanContainer, what: string): Promise<void> {
  const found = await until(what, () => ask(from.host, ip), { timeoutMs: 8000 }).catch(() => undefined);
  t.match(found ?? 'nothing', { name }, what);
}

async function stateOf(container: Container): Promise<string> {
  return `${await container.netExec(['ip', '-br', 'addr', 'show', 'eth0'])}${await container.netExec(['ip', 'route'])}`
    .replaceAll(/eth0@if\d+|[\da-f:]+\/64|linkdown/g, '')
    .replaceAll(/ +/g, ' ');
}

async function parentGone(t: Test, scene: LanScene): Promise<void> {
  const { one } = scene;
  await makeParent(one);
  await scene.network(one, ON_OWN_PARENT);
  const a = await scene.server(one, 'ann', 'lan', { ip: '10.9.8.5', ip6: '' });
  const b = await scene.server(one, 'bob', 'lan', { ip: '10.9.8.6', ip6: '' });
  const servers = [
    { ...a, ip: '10.9.8.5' },
    { ...b, ip: '10.9.8.6' },
  ];
  for (const each of servers) await answers(t, one, each, `${each.name} answers`);
  const before = await stateOf(a.container);
  await one.host.exec(['ip', 'link', 'del', 'par0']);
  await until(
    'the links went along',
    async () => !(await a.container.netExec(['ip', 'link'])).includes('eth0'),
  );
  const doctor = await one.host.weft(['doctor']);
  t.match(doctor.stdout, /has lost its parent device par0/, 'the doctor knows');
  await makeParent(one);
  const { MacAddress: mac } = await a.container.endpoint();
  const believes = () => one.host.exec(['ip', 'neigh', 'show', '10.9.8.5', 'dev', 'far0']);
  await until('neighbours are told again', async () => (await believes()).includes(mac), { timeoutMs: 8000 });
  for (const each of servers) await answers(t, one, each, `${each.name} answers on the new parent`);
  t.equal(await stateOf(a.container), before, 'with addresses and routes as before');
  await one.weftd.kill9();
  await one.host.exec(['ip', 'link', 'del', 'par0']);
  await makeParent(one);
  await restartWeftd(one);
  for (const each of servers) await answers(t, one, each, `${each.name} answers after both were gone`);
  await a.container.netExec(['ip', 'link', 'del', 'eth0']);
  await one.weftd.kill9();
  await restartWeftd(one);
  for (const each of servers) await answers(t, one, each, `${each.name} has its link again`);
  await one.host.exec(['ip', 'link', 'set', 'par0', 'down']);
  await one.host.exec(['ip', 'link', 'set', 'par0', 'up']);
  for (const each of servers) await answers(t, one, each, `${each.name} answers after the parent was down`);
  await a.container.restart();
  await until('ann serves again', () => ask(one.host, '10.9.8.5'));
  t.pass('a container restarts');
  await one.host.exec(['ip', 'link', 'set', 'par0', 'down', 'name', 'par1', 'up']);
  await answers(t, one, servers[1] as LanContainer, 'a renamed parent keeps its containers');
  await one.host.exec(['ip', 'link', 'set', 'par1', 'down', 'name', 'par0', 'up']);
  await scene.clear();
  await one.host.exec(['ip', 'link', 'del', 'par0']);
}

/** Once nobody lives in a sandbox, weft takes the link out itself; before, Docker does and counts its interfaces. */
async function leaving(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  await scene.network(one, { name: 'lan' });
  const a = await scene.server(one, 'ann', 'lan');
  for (const turn of [1, 2, 3]) {
    await a.container.stop();
    await a.container.start();
    const name = `answers after stop and start ${turn}`;
    t.match(await until(name, () => ask(lan, a.ip), { timeoutMs: 8000 }), { name: 'ann' }, name);
  }
  await one.host.docker.disconnect('lan', a.container);
  await until(
    'the interface is gone',
    async () => !(await a.container.netExec(['ip', 'link'])).includes('eth0'),
  );
  await one.host.docker.connect('lan', a.container, { ip: a.ip, ip6: a.ip6 });
  // Engine 20.10 never gives a number twice.
  const device = one.host.engine === '20.10' ? 'eth1' : 'eth0';
  const shown = await a.container.netExec(['ip', '-4', '-o', 'addr']);
  t.match(
    shown,
    new RegExp(`${device} +inet ${a.ip}/`),
    'with the name that Docker gives it when it is back',
  );
  await a.container.stop();
  await until('nothing is left', async () => !/ w[lc]-/.test(await one.host.exec(['ip', '-br', 'link'])));
  t.pass('no link is left on the host');
}

async function killed(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  await scene.network(one, { name: 'lan', options: { 'weft.host_access': 'true' } });
  const a = await scene.server(one, 'ann', 'lan');
  await one.weftd.kill9();
  await reaches(t, lan, { ip: a.ip, name: 'ann' }, 'the container goes on');
  await reaches(t, one.host, { ip: a.ip, name: 'ann' }, 'also for its host');
  await restartWeftd(one);
  await reaches(t, lan, { ip: a.ip, name: 'ann' }, 'and after a restart');
  const b = await scene.server(one, 'bob', 'lan');
  await reaches(t, a.container, { ip: b.ip, name: 'bob' }, 'a new one joins');
  await a.container.stop();
  await until('its route is gone', async () => !(await hostRoutes(one)).includes(`${a.ip} `));
  // Docker moves it back to the host first.
  await until('its link is gone', async () => !(await one.host.exec(['ip', '-br', 'link'])).includes('wl-'));
  t.pass('no link is left on the host');
}

async function rebooted(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  const restart = 'always';
  await scene.network(one, { name: 'lan', options: { 'weft.host_access': 'true' } });
  await scene.network(one, {
    name: 'inside',
    ipv6: false,
    subnets: [{ subnet: '10.9.1.0/24' }],
    options: { parent: '' },
  });
  const a = await scene.server(one, 'ann', 'lan', { restart });
  const b = await scene.server(one, 'bob', 'inside', { restart, ip: '10.9.1.5', ip6: '' });
  const { MacAddress } = await a.container.endpoint();
  one.weftd = await one.host.rebootWithWeftd(['--ui', 'off', '--metrics', 'off']);
  const started = async (name: string) => {
    const container = await one.host.docker.container(name);
    await until(`${name} has its link`, async () =>
      (await container.tryNetExec(['ip', '-br', 'addr', 'show', 'eth0'])).stdout.includes('UP'),
    );
    return container;
  };
  const again = await started('ann');
  await reaches(t, lan, { ip: a.ip, name: 'ann', peer: lan.ip }, 'the LAN reaches a container that started');
  await reaches(t, one.host, { ip: a.ip6, name: 'ann' }, 'and so does its host');
  t.equal((await again.endpoint()).MacAddress, MacAddress, 'it is the same machine for its neighbours');
  const client = await one.host.docker.runContainer({ network: 'inside', ip: '10.9.1.6' });
  await started(b.name);
  await reaches(
    t,
    client,
    { ip: '10.9.1.5', name: 'bob', peer: '10.9.1.6' },
    'a network without a LAN is there',
  );
}

export const faults: LanSuite = {
  'a parent goes, and is back': parentGone,
  'a container stops and starts, leaves and comes back': leaving,
  'weftd dies': killed,
  'the host is switched off and on': rebooted,
};
