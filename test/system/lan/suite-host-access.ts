import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import { ask, pings, reaches, serverCommand } from '../bridge/probe.ts';
import { hostRoutes, type LanContainer, type LanHost, type LanScene, restartWeftd } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

async function access(t: Test, scene: LanScene): Promise<void> {
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
  await otherAddresses(t, one, a);
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

/** The address by which the host speaks with containers is that of the parent, not one that comes first in the kernel. */
async function otherAddresses(t: Test, one: LanHost, a: LanContainer): Promise<void> {
  const { host } = one;
  const ip = (...words: readonly string[]) => host.exec(['ip', ...words]);
  const speaksWith = (source: string) =>
    until(`the host speaks with ${source}`, async () =>
      (await ip('route', 'get', a.ip)).includes(` src ${source} `),
    );
  const [old = ''] = /inet (\S+)/.exec(await ip('-4', 'addr', 'show', 'eth0'))?.slice(1) ?? [];
  await ip('address', 'add', '10.9.77.1/32', 'dev', 'lo', 'scope', 'global');
  await one.weftd.kill9();
  await ip('route', 'del', a.ip);
  await restartWeftd(one);
  await speaksWith(host.ip);
  await reaches(
    t,
    host,
    { ip: a.ip, name: a.name, peer: host.ip },
    'the host speaks with the parent’s address',
  );
  await ip(
    'route',
    'replace',
    a.ip,
    'dev',
    /wh-\S+/.exec(await hostRoutes(one))?.[0] ?? '',
    'src',
    '10.9.77.1',
  );
  await speaksWith(host.ip);
  t.pass('a route with another one is repaired');
  const other = old.replace(/\.\d+\//, '.240/');
  await ip('address', 'add', other, 'dev', 'eth0');
  await ip('address', 'del', old, 'dev', 'eth0');
  await ip('address', 'replace', other, 'dev', 'eth0');
  await speaksWith(other.replace(/\/.*/, ''));
  t.pass('it follows when the parent has another address');
  await ip('address', 'add', old, 'dev', 'eth0');
  await ip('address', 'del', other, 'dev', 'eth0');
  await ip('address', 'replace', old, 'dev', 'eth0');
  await speaksWith(host.ip);
  await ip('address', 'del', '10.9.77.1/32', 'dev', 'lo');
}

async function inside(t: Test, { one }: LanScene): Promise<void> {
  await one.host.docker.createNetwork({
    name: 'in',
    driver: 'weft-macvlan',
    ipamDriver: 'weft',
    subnets: [{ subnet: '10.9.1.0/24' }],
    options: { 'weft.host_access': 'true' },
  });
  const container = await one.host.docker.runContainer({
    name: 'ann',
    network: 'in',
    cmd: serverCommand(),
    env: { NAME: 'ann' },
  });
  const { IPAddress: ip } = await container.endpoint();
  await until('ann serves', () => ask(one.host, ip));
  await reaches(t, one.host, { ip, name: 'ann', peer: '10.9.1.1' }, 'the host is where a gateway would be');
  t.ok(await pings(container, '10.9.1.1'), 'the container reaches it there');
  t.notMatch(await container.netExec(['ip', 'route']), /default/, 'and goes no further');
}

export const hostAccess: LanSuite = {
  'the host has access': access,
  'the host has access to a network without a parent': inside,
};
