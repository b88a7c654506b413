import type { Test } from 'tap';
import { pings } from '../system/bridge/probe.ts';
import type { LanContainer, LanHost, LanScene } from '../system/lan/lan-scene.ts';
import { runLanSuite } from '../system/lan/run-suite.ts';

/* Two hosts on one LAN, with a router and another machine: weft's ipvlan on one and Docker's own on the other, and VLANs. */

type Place = 'sibling' | 'elsewhere' | 'machine' | 'router' | 'host' | 'otherHost';
type Answers = Readonly<Record<Place, boolean>>;

/** Who answers a container in mode l2, by flag (Documentation/networking/ipvlan.rst). */
const L2: Readonly<Record<string, Answers>> = {
  bridge: { sibling: true, elsewhere: true, machine: true, router: true, host: false, otherHost: true },
  private: { sibling: false, elsewhere: true, machine: true, router: true, host: false, otherHost: true },
  // The switch of this LAN does not send frames back where they came from.
  vepa: { sibling: false, elsewhere: true, machine: true, router: true, host: false, otherHost: true },
};

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

/** Two containers of a host, of which the first asks, and the first of the other host's. */
interface Sides {
  readonly on: LanHost;
  readonly other: LanHost;
  readonly pair: readonly [LanContainer, LanContainer];
  readonly far: LanContainer;
}

function driversOf({ one, two }: LanScene): readonly (readonly [LanHost, string])[] {
  return [
    [one, 'weft-ipvlan'],
    [two, 'ipvlan'],
  ];
}

async function answersTo({ underlay, lan }: LanScene, { on, other, pair, far }: Sides): Promise<Answers> {
  const [asking, sibling] = pair;
  const answers = (ip: string) => pings(asking.container, ip);
  return {
    sibling: await answers(sibling.ip),
    elsewhere: await answers(far.ip),
    machine: await answers(lan.ip),
    router: await answers(`${underlay.prefix4}.1`),
    host: await answers(on.host.ip),
    otherHost: await answers(other.host.ip),
  };
}

async function compare(
  t: Test,
  scene: LanScene,
  pairs: ReadonlyMap<LanHost, readonly [LanContainer, LanContainer]>,
  expected: Answers,
  mode: string,
): Promise<void> {
  const { one, two } = scene;
  for (const [on, driver] of driversOf(scene)) {
    const other = on === one ? two : one;
    const [pair, farPair] = [pairs.get(on), pairs.get(other)];
    if (pair === undefined || farPair === undefined) throw new Error('no containers');
    const answers = await answersTo(scene, { on, other, pair, far: farPair[0] });
    t.same(answers, expected, `${mode}, ${driver}`);
  }
}

async function layer2(t: Test, scene: LanScene): Promise<void> {
  for (const [flag, expected] of Object.entries(L2)) {
    const pairs = new Map<LanHost, readonly [LanContainer, LanContainer]>();
    for (const [on, driver] of driversOf(scene)) {
      const options = { ipvlan_mode: 'l2', ipvlan_flag: flag };
      await scene.network(on, { name: 'lan', driver, options });
      pairs.set(on, [await scene.server(on, 'ann', 'lan'), await scene.server(on, 'bob', 'lan')]);
    }
    await compare(t, scene, pairs, expected, `l2 ${flag}`);
    await scene.clear();
  }
}

/** Each host has a subnet of its own behind it, and all others a route there. */
async function layer3(t: Test, scene: LanScene): Promise<void> {
  const { one, two, lan, underlay } = scene;
  const subnets = new Map([
    [one, '10.60.1'],
    [two, '10.60.2'],
  ]);
  const change = async (what: 'add' | 'del') => {
    for (const [behind, prefix] of subnets) {
      const route = ['ip', 'route', what, `${prefix}.0/24`, 'via', behind.host.ip];
      const others = [one.host, two.host].filter((host) => host !== behind.host);
      for (const place of [lan, underlay, ...others]) await place.exec(route);
    }
  };
  await change('add');
  for (const mode of ['l3', 'l3s']) {
    const pairs = new Map<LanHost, readonly [LanContainer, LanContainer]>();
    for (const [on, driver] of driversOf(scene)) {
      const prefix = subnets.get(on);
      const options = { ipvlan_mode: mode };
      const spec = { name: 'lan', driver, ipv6: false, subnets: [{ subnet: `${prefix}.0/24` }], options };
      await scene.network(on, spec);
      const server = (name: string, number: number) =>
        scene.server(on, name, 'lan', { ip: `${prefix}.${number}`, ip6: '' });
      const [ann, bob] = [await server('ann', 5), await server('bob', 6)];
      pairs.set(on, [
        { ...ann, ip: `${prefix}.5` },
        { ...bob, ip: `${prefix}.6` },
      ]);
    }
    await compare(t, scene, pairs, L3, mode);
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
    made.push({ ...(await scene.server(on, 'ann', 'vlan', { ip, ip6: '' })), ip });
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
