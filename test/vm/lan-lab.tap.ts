import type { Test } from 'tap';
import { pings } from '../system/bridge/probe.ts';
import { type Answers, assertAnswers, BRIDGED, type Side } from '../system/lan/answers.ts';
import type { LanContainer, LanHost, LanScene } from '../system/lan/lan-scene.ts';
import { runLanSuite } from '../system/lan/run-suite.ts';

/* Two hosts on one LAN, with a router and another machine: weft's ipvlan on one and Docker's own on the other, and VLANs. */

/**
 * In l3 and l3s containers are behind their host's routes. It answers them too: the router, which has a route to them,
 * sends its answer back to its device, where they hear it.
 */
const L3: Answers = {
  sibling: true,
  elsewhere: true,
  machine: true,
  router: true,
  host: true,
  otherHost: true,
};

async function layer2(t: Test, scene: LanScene): Promise<void> {
  for (const [flag, expected] of Object.entries(BRIDGED)) {
    const side = async (on: LanHost, driver: string): Promise<Side> => {
      await scene.network(on, {
        name: 'lan',
        driver,
        options: { ipvlan_mode: 'l2', ipvlan_flag: flag },
      });
      const containers = [await scene.server(on, 'ann', 'lan'), await scene.server(on, 'bob', 'lan')];
      return { on, driver, containers };
    };
    const sides = [await side(scene.one, 'weft-ipvlan'), await side(scene.two, 'ipvlan')] as const;
    await assertAnswers(t, scene, sides, { mode: `l2 ${flag}`, expected, keys: ['ip'] });
    await scene.clear();
  }
}

/** Each host has a subnet of its own behind it, and all others a route there. */
async function layer3(t: Test, scene: LanScene): Promise<void> {
  const { one, two, lan, underlay } = scene;
  const behind = [
    { on: one, other: two, driver: 'weft-ipvlan', prefix: '10.60.1' },
    { on: two, other: one, driver: 'ipvlan', prefix: '10.60.2' },
  ] as const;
  const change = async (what: 'add' | 'del') => {
    for (const { on, other, prefix } of behind) {
      const route = ['ip', 'route', what, `${prefix}.0/24`, 'via', on.host.ip];
      for (const place of [lan, underlay, other.host]) await place.exec(route);
    }
  };
  await change('add');
  for (const mode of ['l3', 'l3s']) {
    const side = async ({ on, driver, prefix }: (typeof behind)[number]): Promise<Side> => {
      const subnets = [{ subnet: `${prefix}.0/24` }];
      await scene.network(on, { name: 'lan', driver, ipv6: false, subnets, options: { ipvlan_mode: mode } });
      const server = (name: string, number: number) =>
        scene.server(on, name, 'lan', { ip: `${prefix}.${number}`, ip6: '' });
      return { on, driver, containers: [await server('ann', 5), await server('bob', 6)] };
    };
    const sides = [await side(behind[0]), await side(behind[1])] as const;
    await assertAnswers(t, scene, sides, { mode, expected: L3, keys: ['ip'] });
    await scene.clear();
  }
  await change('del');
}

/** A VLAN that both drivers make a sub-interface for, and take it away. */
async function vlans(t: Test, scene: LanScene): Promise<void> {
  const { one, two, lan } = scene;
  const drivers = [
    [one, 'weft-macvlan', '10.50.0.11'],
    [two, 'macvlan', '10.50.0.12'],
  ] as const;
  const isThere = async (on: LanHost) =>
    (await on.host.exec(['ip', '-o', 'link', 'show'])).includes('eth0.50@');
  const made: LanContainer[] = [];
  for (const [on, driver, ip] of drivers) {
    const spec = { name: 'vlan', driver, ipv6: false, subnets: [{ subnet: '10.50.0.0/24' }] };
    await scene.network(on, { ...spec, options: { parent: 'eth0.50' } });
    t.equal(await isThere(on), true, `${driver}: the sub-interface is made`);
    made.push(await scene.server(on, 'ann', 'vlan', { ip, ip6: '' }));
  }
  const [ours, dockers] = made;
  if (ours === undefined || dockers === undefined) throw new Error('no containers');
  t.equal(await pings(ours.container, dockers.ip), true, 'weft’s container reaches Docker’s in the VLAN');
  t.equal(await pings(dockers.container, ours.ip), true, 'and Docker’s weft’s');
  await lan.exec(['ip', 'addr', 'add', '10.50.0.99/24', 'dev', 'eth0']);
  t.equal(await pings(ours.container, '10.50.0.99'), false, 'nobody outside the VLAN answers');
  await scene.clear();
  for (const [on, driver] of drivers) t.equal(await isThere(on), false, `${driver}: the sub-interface goes`);
}

await runLanSuite('28.5', {
  'ipvlan l2 by flag, beside Docker’s own driver': layer2,
  'ipvlan l3 and l3s, beside Docker’s own driver': layer3,
  'macvlan on a VLAN, beside Docker’s own driver': vlans,
});
