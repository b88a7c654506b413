import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { type ClusterNode, until } from '../../lab/index.ts';
import { entriesFor } from './kernel-entries.ts';
import { findNetwork, type OverlayScene, overlaySpec, type Placed } from './overlay-scene.ts';
import { SteadyTraffic } from './steady-traffic.ts';
import { allReachAll } from './suite-reachability.ts';

/** All of etcd is away for this long. */
const OUTAGE_MS = 60_000;
/** Longer than a node's lease, so that what hangs on it would have gone. */
const BEYOND_LEASE_MS = 25_000;
/** After the store is back, hosts have caught up within this. */
const CATCH_UP_MS = 15_000;

/** Waits until every other host can send to it. */
export async function known(scene: OverlayScene, what: Placed, timeoutMs = CATCH_UP_MS): Promise<void> {
  for (const node of scene.nodes.filter((each) => each !== what.node)) {
    const leads = async () => (await entriesFor(node, what)).some(({ kind }) => kind === 'tunnel');
    await until(`${node.name} knows ${what.name}`, leads, { timeoutMs });
  }
}

async function eachMemberKilled(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('members');
  const servers = await scene.serverOnEach('members');
  const traffic = await SteadyTraffic.start(servers);
  for (const [index, member] of scene.cluster.etcd.members.entries()) {
    await member.stop('SIGKILL');
    const fresh = await scene.server(scene.three[0], 'members', { name: `without-${member.name}` });
    await known(scene, fresh);
    t.pass(`without ${member.name} a new container is known on every host`);
    const name = `made${index}`;
    await until(
      'a network can be made',
      () => scene.three[1].docker.createNetwork(overlaySpec(name)).then(() => true),
      { timeoutMs: CATCH_UP_MS, intervalMs: 500 },
    );
    await scene.everywhere(name);
    await member.start();
    await member.healthy();
  }
  await traffic.isUnharmed(t, 'each member killed in turn');
}

async function allOfEtcdAway(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  await scene.dualNetwork('away');
  const servers = await scene.serverOnEach('away');
  const traffic = await SteadyTraffic.start(servers);
  const began = performance.now();
  await scene.cluster.etcd.stopAll('SIGKILL');
  const fresh = await Promise.all(
    scene.nodes.map((node) => scene.server(node, 'away', { name: `new-${node.name}` })),
  );
  const neighbours = await Promise.all([0, 1].map((n) => scene.server(one, 'away', { name: `pair${n}` })));
  t.pass('containers start on a network that exists, with addresses of owned blocks');
  await allReachAll(t, neighbours);
  const refused = await two.docker.createNetwork(overlaySpec('later')).then(
    () => 'made',
    (error: unknown) => String(error),
  );
  t.match(refused, /etcd|store/, 'a new network is refused, and the store is named');
  await delay(Math.max(0, OUTAGE_MS - (performance.now() - began)));
  await traffic.isUnharmed(t, `all of etcd away for ${OUTAGE_MS / 1000} s`);
  await scene.cluster.etcd.startAll();
  for (const each of fresh) await known(scene, each);
  await allReachAll(t, [...servers, ...fresh]);
}

async function oneHostWithoutStore(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('apart');
  const servers = await scene.serverOnEach('apart');
  const traffic = await SteadyTraffic.start(servers);
  await scene.cluster.cutFromStore(three);
  const alone = await scene.server(three, 'apart', { name: 'alone' });
  const others = await Promise.all(
    [one, two].map((node) => scene.server(node, 'apart', { name: `new-${node.name}` })),
  );
  await one.docker.createNetwork(overlaySpec('unheard'));
  await delay(BEYOND_LEASE_MS);
  await traffic.isUnharmed(t, 'one host without etcd for longer than its lease');
  await scene.cluster.wall.open();
  await scene.everywhere('unheard');
  for (const each of [alone, ...others]) await known(scene, each);
  await allReachAll(t, [...servers, alone, ...others]);
}

async function compaction(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  const { etcd, wall } = scene.cluster;
  await scene.dualNetwork('compact');
  const servers = await scene.serverOnEach('compact');
  const traffic = await SteadyTraffic.start(servers);
  await scene.cluster.cutFromStore(three);
  const missed = await scene.server(one, 'compact', { name: 'missed' });
  const left = await scene.server(two, 'compact', { name: 'left' });
  await left.container.remove();
  const [status] = await etcd.any.status();
  await etcd.any.ctl(['compact', String(status?.revision), '--physical']);
  await wall.open();
  await known(scene, missed);
  await until('what left meanwhile is forgotten', async () => (await entriesFor(three, left)).length === 0);
  await traffic.isUnharmed(t, 'the history a host has missed is compacted');
  await allReachAll(t, [...servers, missed]);
}

async function snapshotRestored(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  const { etcd } = scene.cluster;
  const folder = await mkdtemp(join(tmpdir(), 'weft-snapshot-'));
  try {
    await scene.dualNetwork('restored');
    const servers = await scene.serverOnEach('restored');
    const traffic = await SteadyTraffic.start(servers);
    await etcd.snapshot(join(folder, 'snapshot.db'));
    const after = await scene.server(one, 'restored', { name: 'after-snapshot' });
    const first = servers.find(({ node }) => node === two);
    if (first === undefined) throw new Error('no server on the second host');
    await known(scene, after);
    await etcd.restore(join(folder, 'snapshot.db'));
    const later = await scene.server(three, 'restored', { name: 'after-restore' });
    for (const each of [after, later]) await known(scene, each);
    await traffic.isUnharmed(t, 'etcd restored from a snapshot');
    await allReachAll(t, [...servers, after, later]);
    const seen = await seenNetwork(scene.nodes, 'restored');
    t.equal(seen, scene.nodes.length, 'the network is on every host still');
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function seenNetwork(nodes: readonly ClusterNode[], name: string): Promise<number> {
  const found = await Promise.all(nodes.map((node) => findNetwork(node, name)));
  return found.filter((each) => each !== undefined).length;
}

/** What happens to etcd, and to the way to it. */
export const STORE_FAULTS = {
  'each etcd member is killed in turn': eachMemberKilled,
  'all of etcd is away for a minute': allOfEtcdAway,
  'one host cannot reach etcd': oneHostWithoutStore,
  'etcd’s history is compacted while a host does not look': compaction,
  'etcd is restored from a snapshot': snapshotRestored,
} as const;
