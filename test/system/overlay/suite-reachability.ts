import type { Test } from 'tap';
import { type LabProcess, type Machine, until } from '../../lab/index.ts';
import { ask, cannotReach, pings, reaches } from '../bridge/probe.ts';
import { entriesFor } from './kernel-entries.ts';
import { type OverlayScene, type Placed, pairs, placed } from './overlay-scene.ts';

/** Entries of another host's containers follow within this. */
const FOLLOW_MS = 5000;

/** Every one reaches every other by each family, and is seen with its own address. */
export async function allReachAll(t: Test, servers: readonly Placed[]): Promise<void> {
  for (const [from, to] of pairs(servers)) {
    const path = `${from.node.name} reaches ${to.node.name}`;
    await reaches(t, from.container, { ip: to.ip, name: to.name, peer: from.ip }, `${path} over IPv4`);
    if (to.ip6 !== '')
      await reaches(t, from.container, { ip: to.ip6, name: to.name, peer: from.ip6 }, `${path} over IPv6`);
  }
}

async function everyPair(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('pairs');
  const servers = await scene.serverOnEach('pairs');
  t.equal(new Set(servers.map(({ ip }) => ip)).size, servers.length, 'every host gave another IPv4 address');
  t.equal(new Set(servers.map(({ ip6 }) => ip6)).size, servers.length, 'and another IPv6 address');
  await allReachAll(t, servers);
  const [one, two] = servers;
  if (one === undefined || two === undefined) throw new Error('too few servers');
  await reaches(t, one.container, { ip: two.ip, transport: 'udp', name: two.name }, 'datagrams pass, too');
}

async function publishedAndEgress(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('edge');
  const servers = await scene.serverOnEach('edge', { ports: ['8080:80'] });
  const { lan } = scene.cluster;
  const outside = await echoServer(lan);
  for (const { node, container, name } of servers) {
    for (const ip of [node.host.ip, node.host.ip6]) {
      await reaches(t, lan, { ip, port: 8080, name }, `${node.name} publishes on ${ip}`);
    }
    for (const [to, own] of [
      [lan.ip, node.host.ip],
      [lan.ip6, node.host.ip6],
    ] as const) {
      const what = `${node.name}’s container leaves by its own host to ${to}`;
      await reaches(t, container, { ip: to, port: 8090, name: 'outside', peer: own }, what);
    }
  }
  for (const [from, to] of pairs(servers)) {
    const target = { ip: to.node.host.ip, port: 8080, name: to.name };
    await reaches(
      t,
      from.container,
      target,
      `a container of ${from.node.name} uses ${to.node.name}’s published port`,
    );
  }
  for (const each of outside) await each.kill9();
}

/** Answers on TCP 8090, both families, with its name and the client's address. */
export function echoServer(machine: Machine): Promise<readonly LabProcess[]> {
  return Promise.all(
    ['TCP4-LISTEN:8090,', 'TCP6-LISTEN:8090,ipv6only=1,'].map((listen) =>
      machine.spawn(['socat', `${listen}fork,reuseaddr`, 'SYSTEM:echo outside $SOCAT_PEERADDR']),
    ),
  );
}

async function connectsLive(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('first');
  await scene.dualNetwork('second');
  const mover = await scene.server(one, 'first', { name: 'mover' });
  const fixed = await scene.server(two, 'second', { name: 'fixed' });
  await cannotReach(t, fixed.container, mover, 'before the connect the other network is another world');
  await one.docker.connect('second', mover.container);
  const connected = await placed(one, mover.container, 'second');
  await allReachAll(t, [connected, fixed]);
  await one.docker.disconnect('second', mover.container);
  await gone(t, scene, connected, [two, three]);
  await cannotReach(t, fixed.container, connected, 'after the disconnect it is gone');
  const kept = await scene.server(three, 'first', { name: 'kept' });
  await allReachAll(t, [mover, kept]);
}

/** No host has an entry for it any more. */
async function gone(
  t: Test,
  scene: OverlayScene,
  what: Placed,
  nodes: readonly Placed['node'][] = scene.nodes,
): Promise<void> {
  for (const node of nodes) {
    const none = async () => (await entriesFor(node, what)).length === 0;
    await until('no entry', none, { timeoutMs: FOLLOW_MS }).catch(() => undefined);
    t.same(
      await entriesFor(node, what),
      [],
      `${node.name} has no entry for ${what.name} on ${what.node.name}`,
    );
  }
}

async function movesWithItsAddress(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  const { base4, base6 } = await scene.dualNetwork('moves');
  const watcher = await scene.server(three, 'moves', { name: 'watcher' });
  const address = { ip: `${base4}.77`, ip6: `${base6}77` };
  let before: Placed | undefined;
  for (const node of [one, two, one, three]) {
    if (before !== undefined) {
      await before.container.remove();
      await gone(t, scene, before);
    }
    const here = await scene.server(node, 'moves', { name: 'nomad', ...address });
    t.equal(here.ip, address.ip, `it has its address on ${node.name}`);
    for (const other of scene.nodes.filter((each) => each !== node)) {
      const leads = async () => (await entriesFor(other, here)).find(({ kind }) => kind === 'tunnel');
      const entry = await until(`${other.name} knows it`, leads, { timeoutMs: FOLLOW_MS });
      t.equal(entry.to, node.address, `${other.name} sends it to ${node.name}`);
    }
    await allReachAll(t, [watcher, here]);
    before = here;
  }
}

async function internal(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('inside', { internal: true });
  const servers = await scene.serverOnEach('inside');
  await allReachAll(t, servers);
  const { lan } = scene.cluster;
  const outside = await echoServer(lan);
  for (const { node, container } of servers) {
    await cannotReach(t, container, { ip: lan.ip, port: 8090 }, `${node.name}’s cannot leave over IPv4`);
    await cannotReach(t, container, { ip: lan.ip6, port: 8090 }, `${node.name}’s cannot leave over IPv6`);
    await cannotReach(t, container, { ip: node.host.ip, port: 22 }, `${node.name}’s host does not serve it`);
  }
  await lan.route(`${servers[0]?.ip}/32`, scene.three[0].host);
  await cannotReach(t, lan, { ip: servers[0]?.ip ?? '' }, 'nobody comes in by a route');
  for (const each of outside) await each.kill9();
}

async function severalSubnets(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  const [a, b] = [scene.takeSubnets(), scene.takeSubnets()];
  const subnets = [a.v4, b.v4, a.v6, b.v6].map((subnet) => ({ subnet }));
  await scene.network('wide', { ipv6: true, subnets });
  const servers = await Promise.all([
    scene.server(one, 'wide', { ip: `${a.base4}.50`, ip6: `${a.base6}50` }),
    scene.server(two, 'wide', { ip: `${b.base4}.50`, ip6: `${b.base6}50` }),
    scene.server(three, 'wide', { ip: `${b.base4}.51`, ip6: `${a.base6}51` }),
  ]);
  await allReachAll(t, servers);
}

async function isolated(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  await scene.dualNetwork('left');
  await scene.dualNetwork('right');
  const left = await scene.server(one, 'left');
  const rights = await Promise.all([one, two].map((node) => scene.server(node, 'right')));
  for (const right of rights) {
    const what = `one network does not reach another on ${right.node.name}`;
    await cannotReach(t, left.container, { ip: right.ip }, `${what} over IPv4`);
    await cannotReach(t, left.container, { ip: right.ip6 }, `${what} over IPv6`);
  }
  const { Gateway } = await left.container.endpoint('left');
  t.ok(await pings(left.container, Gateway), 'the gateway answers its own network');
  t.equal(await ask(left.container, rights[1]?.ip ?? ''), undefined);
}

/** Containers of all hosts, each with each, and with the world. */
export const REACHABILITY = {
  'containers of all hosts reach each other, both families': everyPair,
  'ports are published and containers leave on each host': publishedAndEgress,
  'a container is connected and disconnected while it runs': connectsLive,
  'a container moves between hosts with its address': movesWithItsAddress,
  'an internal network has hosts of its own and no world': internal,
  'several subnets on one network': severalSubnets,
  'one network does not reach another': isolated,
} as const;
