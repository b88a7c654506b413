import type { Test } from 'tap';
import { pings, reaches } from '../bridge/probe.ts';
import type { LanScene } from './lan-scene.ts';
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
}

export const macvlan: LanSuite = {
  'containers are machines of the LAN': machinesOfTheLan,
};
