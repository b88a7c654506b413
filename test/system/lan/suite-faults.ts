import type { Test } from 'tap';
import { type Container, until } from '../../lab/index.ts';
import { ask, pings, reaches } from '../bridge/probe.ts';
import type { LanContainer, LanHost, LanScene } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

async function restartWeftd(on: LanHost): Promise<void> {
  on.weftd = await on.host.startWeftd(['--ui', 'off', '--metrics', 'off']);
  await on.weftd.waitReady();
}

/** A parent of the test's own: the host end of a pair whose other end is the far machine. */
async function makeParent(on: LanHost): Promise<void> {
  await on.host.exec([
    'sh',
    '-ec',
    'ip link add par0 type veth peer name far0; ip addr add 10.9.8.1/24 dev far0; ip link set far0 up; ip link set par0 up',
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
  t.equal((await one.host.exec(['ip', '-br', 'link'])).includes('wl-'), false, 'no link is left on the host');
}

async function hostRoutes({ host }: LanHost): Promise<string> {
  return (await host.exec(['ip', 'route'])) + (await host.exec(['ip', '-6', 'route']));
}

async function hostAccess(t: Test, scene: LanScene): Promise<void> {
  const { one, lan, underlay } = scene;
  const aside = scene.takeAddress();
  await scene.network(one, { name: 'lan', options: { 'weft.host_access': 'true' } });
  const a = await scene.server(one, 'ann', 'lan');
  const b = await scene.server(one, 'bob', 'lan');
  for (const each of [a, b]) {
    await reaches(
      t,
      one.host,
      { ip: each.ip, name: each.name, peer: one.host.ip },
      `the host reaches ${each.name}`,
    );
    await reaches(t, one.host, { ip: each.ip6, name: each.name }, 'over IPv6 too');
    t.ok(await pings(each.container, one.host.ip), `${each.name} reaches the host`);
  }
  await reaches(
    t,
    a.container,
    { ip: lan.ip, name: 'lan', peer: a.ip },
    'the LAN sees the container as before',
  );
  await reaches(t, lan, { ip: a.ip, name: 'ann', peer: lan.ip }, 'and the container the LAN');
  await lan.exec(['ip', 'neigh', 'flush', 'dev', 'eth0']);
  await pings(lan, one.host.ip);
  const parent = JSON.parse(await one.host.exec(['ip', '-j', 'link', 'show', 'eth0'])) as {
    address: string;
  }[];
  const neighbours = await lan.exec(['ip', 'neigh', 'show', one.host.ip]);
  t.match(neighbours, parent[0]?.address ?? 'none', 'the host answers ARP with its own device only');
  for (const ip of [a.ip, a.ip6]) {
    const family = ip.includes(':') ? '-6' : '-4';
    await one.host.exec(['ip', family, 'route', 'del', ip]);
    await until('the route is repaired', async () => (await hostRoutes(one)).includes(`${ip} dev wh-`), {
      timeoutMs: 5000,
    });
    t.pass(`a lost route to ${ip} is repaired`);
  }
  await one.host.exec(['sh', '-c', 'ip link del $(ip -o link | grep -o "wh-[a-z2-7]*")']);
  await until('the link is repaired', async () => (await hostRoutes(one)).includes(`${b.ip} dev wh-`));
  await reaches(
    t,
    one.host,
    { ip: b.ip, name: 'bob' },
    'a lost link of the host’s is repaired with its routes',
  );
  await scene.clear();
  await scene.network(one, {
    name: 'aside',
    options: { 'weft.host_access': 'true' },
    ipv6: false,
    subnets: [{ subnet: `${underlay.prefix4}.0/24`, aux: { 'weft.host': aside.ip } }],
  });
  const c = await scene.server(one, 'cat', 'aside', { ip6: '' });
  await reaches(t, one.host, { ip: c.ip, name: 'cat', peer: aside.ip }, 'with the address set aside for it');
  t.ok(await pings(lan, aside.ip), 'which the LAN knows');
}

export const faults: LanSuite = {
  'a parent goes, and is back': parentGone,
  'weftd dies': killed,
  'the host has access': hostAccess,
};
