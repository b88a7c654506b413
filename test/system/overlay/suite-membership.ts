import type { Test } from 'tap';
import { type ClusterNode, type NetworkDetails, type NetworkSpec, until } from '../../lab/index.ts';
import { tunnels } from './kernel-entries.ts';
import { findNetwork, type OverlayScene, overlaySpec } from './overlay-scene.ts';
import { allReachAll } from './suite-reachability.ts';

const MTU = 'com.docker.network.driver.mtu';
/** Longer than a host goes without comparing its networks with the cluster's. */
const COMPARED_MS = 7000;

/** @throws {Error} when the host does not have it. */
async function network(node: ClusterNode, name: string): Promise<NetworkDetails> {
  const found = await findNetwork(node, name);
  if (found === undefined) throw new Error(`${node.name} has no network ${name}`);
  return found;
}

/** The subnets of a network as a host's dockerd has them. */
async function subnetsOf(node: ClusterNode, name: string): Promise<readonly string[]> {
  return ((await network(node, name)).IPAM.Config ?? []).map(({ Subnet }) => Subnet);
}

/** What the Engine said no with; `made` when it did not. */
async function refusal(node: ClusterNode, spec: NetworkSpec): Promise<string> {
  return node.docker.createNetwork(spec).then(
    () => 'made',
    (error: unknown) => String(error),
  );
}

async function spreads(t: Test, scene: OverlayScene): Promise<void> {
  const { v4, v6 } = await scene.dualNetwork('spread', { options: { [MTU]: '1400' }, internal: true });
  for (const node of scene.nodes) {
    const { Driver, Scope, Internal, EnableIPv6, Options, IPAM } = await network(node, 'spread');
    t.match(
      { Driver, Scope, Internal, EnableIPv6 },
      {
        Driver: 'weft-overlay',
        Scope: 'local',
        Internal: true,
        EnableIPv6: true,
      },
    );
    t.match(Options, { [MTU]: '1400' }, `${node.name} has its options`);
    t.equal(IPAM.Driver, 'weft');
    t.same(await subnetsOf(node, 'spread'), [v4, v6], `${node.name} has its subnets`);
  }
}

async function choosesOnce(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.three;
  await scene.network('chosen');
  const subnets = await subnetsOf(one, 'chosen');
  t.equal(subnets.length, 1, 'weft chose a subnet');
  for (const node of scene.nodes)
    t.same(await subnetsOf(node, 'chosen'), subnets, `${node.name} has the same`);
  await allReachAll(t, await scene.serverOnEach('chosen'));
}

async function goes(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  const { v4 } = scene.takeSubnets();
  await scene.network('brief', { subnets: [{ subnet: v4 }] });
  await one.docker.removeNetwork('brief');
  await scene.nowhere('brief');
  for (const node of scene.nodes) {
    const isClear = async () => (await tunnels(node)).size === 0;
    t.ok(await until('its tunnel is gone', isClear), `nothing of it is left on ${node.name}`);
  }
  const other = scene.takeSubnets();
  await scene.network('brief', { subnets: [{ subnet: other.v4 }] }, two);
  for (const node of scene.nodes)
    t.same(await subnetsOf(node, 'brief'), [other.v4], 'the name is free for another');
}

async function usedStays(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('used');
  const users = await Promise.all([two, three].map((node) => scene.server(node, 'used')));
  await one.docker.removeNetwork('used');
  await until('it is gone where it was removed', async () => (await findNetwork(one, 'used')) === undefined);
  await allReachAll(t, users);
  for (const node of [two, three]) t.ok(await findNetwork(node, 'used'), `${node.name} keeps what it uses`);
}

async function withoutSocket(scene: OverlayScene): Promise<ClusterNode> {
  const [, , three] = scene.three;
  await three.weftd.stop();
  await three.startWeftd(['--docker', 'none']);
  return three;
}

async function joinsByHand(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  const blind = await withoutSocket(scene);
  const { v4, v6 } = scene.takeSubnets();
  const spec = overlaySpec('by-hand', {
    ipv6: true,
    subnets: [{ subnet: v4 }, { subnet: v6 }],
    options: { 'weft.network': 'by-hand' },
  });
  try {
    await one.docker.createNetwork(spec);
    await scene.everywhere('by-hand', [two]);
    t.equal(await findNetwork(blind, 'by-hand'), undefined, 'a host without a socket is told of nothing');
    await blind.docker.createNetwork({ ...spec, name: 'other-name' });
    const here = await scene.server(blind, 'other-name', { name: 'blind' });
    const there = await Promise.all([one, two].map((node) => scene.server(node, 'by-hand')));
    await allReachAll(t, [here, ...there]);
    await here.container.remove();
    await blind.docker.removeNetwork('other-name');
  } finally {
    await blind.weftd.stop();
    await blind.startWeftd();
  }
}

async function refusesDifferences(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.three;
  const blind = await withoutSocket(scene);
  const { v4, v6 } = scene.takeSubnets();
  const spec = overlaySpec('strict', {
    subnets: [{ subnet: v4 }],
    options: { 'weft.network': 'strict', [MTU]: '1400' },
  });
  const other = scene.takeSubnets();
  try {
    await one.docker.createNetwork(spec);
    const differences: readonly (readonly [RegExp, NetworkSpec])[] = [
      [
        /com\.docker\.network\.driver\.mtu/,
        { ...spec, options: { 'weft.network': 'strict', [MTU]: '1300' } },
      ],
      [/subnet/, { ...spec, subnets: [{ subnet: other.v4 }] }],
      [/internal/, { ...spec, internal: true }],
      [/weft\.multicast/, { ...spec, options: { ...spec.options, 'weft.multicast': 'true' } }],
      [/ipv6/i, { ...spec, ipv6: true, subnets: [{ subnet: v4 }, { subnet: v6 }] }],
    ];
    for (const [names, different] of differences) {
      t.match(await refusal(blind, different), names, `what differs is named: ${names.source}`);
    }
    t.equal(await findNetwork(blind, 'strict'), undefined, 'nothing of them stays');
    const encrypted = overlaySpec('secret', { options: { encrypted: '' } });
    t.match(await refusal(one, encrypted), /encrypted/, 'encryption is refused, never left out');
  } finally {
    await blind.weftd.stop();
    await blind.startWeftd();
  }
  // Whoever dies while it makes a network keeps it until its collector has seen that Docker knows nothing of it.
  await scene.everywhere('strict');
}

async function downAtCreation(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await two.weftd.kill9();
  await three.host.killDockerd9();
  const { v4 } = scene.takeSubnets();
  await one.docker.createNetwork(overlaySpec('missed', { subnets: [{ subnet: v4 }] }));
  await two.startWeftd();
  await three.host.startDockerd();
  await scene.everywhere('missed');
  await allReachAll(t, await scene.serverOnEach('missed'));
}

async function downAtRemoval(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('outlived');
  await two.weftd.kill9();
  await three.host.killDockerd9();
  await one.docker.removeNetwork('outlived');
  await two.startWeftd();
  await three.host.startDockerd();
  await scene.nowhere('outlived');
  // Links go a moment after Docker has its answer.
  for (const node of scene.nodes) {
    const none = async () => (await tunnels(node)).size === 0;
    t.ok(await until(`${node.name} has no tunnel left`, none), `${node.name} has no tunnel left`);
  }
}

async function removedWithoutStore(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.three;
  await scene.dualNetwork('unwanted');
  await scene.cluster.cutFromStore(one);
  await one.docker.removeNetwork('unwanted');
  const comesBack = until('it is made again', () => findNetwork(one, 'unwanted'), { timeoutMs: COMPARED_MS });
  await t.rejects(comesBack, `not made again on ${one.name} while the others have not been told`);
  await scene.cluster.wall.open();
  await scene.nowhere('unwanted');
}

/** What is left on a host whose weftd died while it made a network of another's is not taken for a removal. */
async function cutShort(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await three.host.killDockerd9();
  await one.docker.createNetwork(overlaySpec('half'));
  await scene.everywhere('half', [one, two]);
  const [config] = (await network(one, 'half')).IPAM.Config ?? [];
  const gateway = `${config?.Gateway}/${config?.Subnet.split('/')[1]}`;
  const request = {
    NetworkID: 'c'.repeat(64),
    Options: { 'com.docker.network.generic': { 'weft.network': 'half' } },
    IPv4Data: [{ AddressSpace: 'WeftLocal', Pool: config?.Subnet, Gateway: gateway }],
  };
  const socket = '/run/docker/plugins/weft-overlay.sock';
  const call = ['curl', '-s', '--unix-socket', socket, '-d', JSON.stringify(request)];
  t.equal(await three.host.exec([...call, 'http://weft/NetworkDriver.CreateNetwork']), '{}', 'made in part');
  let seen: readonly (readonly number[])[] = [];
  const before = await until('it has its tunnel where it was made', async () => {
    seen = await Promise.all([one, two].map(vnis));
    const [here, there] = seen;
    return here?.length === 1 && String(here) === String(there) ? here : undefined;
  }).catch((error: unknown) => {
    t.comment(`VNIs: ${JSON.stringify(seen)}`);
    throw error;
  });
  await three.weftd.kill9();
  await three.host.startDockerd();
  await three.startWeftd();
  await scene.everywhere('half');
  for (const node of scene.nodes) t.same(await vnis(node), before, `${node.name} has the same networks`);
  await allReachAll(t, await scene.serverOnEach('half'));
}

async function atTheSameInstant(t: Test, scene: OverlayScene): Promise<void> {
  for (let round = 1; round <= 5; round++) {
    const name = `race${round}`;
    const made = await Promise.allSettled(
      scene.nodes.map((node) => node.docker.createNetwork(overlaySpec(name))),
    );
    t.ok(
      made.some(({ status }) => status === 'fulfilled'),
      `round ${round}: one creation succeeded`,
    );
    await scene.everywhere(name);
    const agreed = async () => {
      const view = async (node: ClusterNode) => [...(await subnetsOf(node, name)), ...(await vnis(node))];
      const views = await Promise.all(scene.nodes.map(view));
      return new Set(views.map(String)).size === 1 && views[0]?.length === round + 1;
    };
    t.ok(await until('one definition won', agreed), `round ${round}: all have the same subnet and VNIs`);
    await allReachAll(t, await scene.serverOnEach(name));
  }
}

async function vnis(node: ClusterNode): Promise<readonly number[]> {
  return [...(await tunnels(node)).values()].map(({ vni }) => vni).toSorted((a, b) => a - b);
}

/** The identity of a network over hosts. */
export const MEMBERSHIP = {
  'a network made on one host is on all, with its options': spreads,
  'what one host chose holds for all': choosesOnce,
  'a network removed on one host goes everywhere, and its name is free': goes,
  'a network stays where containers use it': usedStays,
  'a host without Docker’s socket joins by hand': joinsByHand,
  'a join with other options is refused, naming the difference': refusesDifferences,
  'hosts that were down at its creation get a network': downAtCreation,
  'hosts that were down at its removal lose a network': downAtRemoval,
  'a removal by a host that cannot tell the others is told later': removedWithoutStore,
  'a network half made on one host stays on the others': cutShort,
  'creations at the same instant end in one network': atTheSameInstant,
} as const;
