import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import { deleteEntries, entriesFor, kernelEntries, tunnels } from './kernel-entries.ts';
import type { OverlayScene } from './overlay-scene.ts';
import { SteadyTraffic } from './steady-traffic.ts';
import { allReachAll } from './suite-reachability.ts';
import { known } from './suite-store-faults.ts';

/** Longer than a node's lease. */
const BEYOND_LEASE_MS = 25_000;
/** Endpoints of a host that is no more leave within this: the lease, and no longer. */
const LEASE_MS = 15_000;
const REPAIR_MS = 2000;
const RETURN_MS = 15_000;

async function everyDaemonKilled(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('headless');
  const servers = await scene.serverOnEach('headless');
  const before = await Promise.all(scene.nodes.map(kernelEntries));
  const traffic = await SteadyTraffic.start(servers);
  await Promise.all(scene.nodes.map((node) => node.weftd.kill9()));
  await delay(BEYOND_LEASE_MS);
  await Promise.all(scene.nodes.map((node) => node.startWeftd()));
  const fresh = await scene.server(scene.three[0], 'headless', { name: 'fresh' });
  await known(scene, fresh);
  await fresh.container.remove();
  await traffic.isUnharmed(t, 'weftd killed on every host, for longer than its lease, and started again');
  for (const [index, node] of scene.nodes.entries()) {
    const isAsBefore = async () =>
      JSON.stringify(sorted(await kernelEntries(node))) === JSON.stringify(sorted(before[index]));
    t.ok(await until('the kernel is as before', isAsBefore), `${node.name}’s entries are as before`);
  }
}

function sorted(entries: Awaited<ReturnType<typeof kernelEntries>> = []): readonly string[] {
  return entries.map((entry) => JSON.stringify(entry)).toSorted();
}

async function entriesDeleted(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('wiped');
  const servers = await scene.serverOnEach('wiped');
  const traffic = await SteadyTraffic.start(servers);
  for (const node of scene.nodes) {
    const before = sorted(await kernelEntries(node));
    t.ok(before.length >= 8, `${node.name} has entries for the other hosts’ containers`);
    const began = performance.now();
    t.equal(await deleteEntries(node), before.length, `all of ${node.name}’s entries were deleted by hand`);
    const isBack = async () => String(sorted(await kernelEntries(node))) === String(before);
    await until('they are back', isBack, { timeoutMs: 10_000 }).catch(() => undefined);
    t.same(sorted(await kernelEntries(node)), before, 'they are back');
    const ms = Math.round(performance.now() - began);
    t.ok(ms <= REPAIR_MS, `within ${ms} ms`);
    t.ok((await traffic.carries(REPAIR_MS)) <= REPAIR_MS, 'and traffic passes');
  }
  await traffic.survives(t, 'entries deleted');
}

async function tunnelDeleted(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('cut');
  const servers = await scene.serverOnEach('cut');
  const traffic = await SteadyTraffic.start(servers);
  for (const node of scene.nodes) {
    const before = { entries: sorted(await kernelEntries(node)), devices: await tunnels(node) };
    t.equal(before.devices.size, 1, `${node.name} has one tunnel`);
    for (const dev of before.devices.keys()) await node.host.exec(['ip', 'link', 'delete', dev]);
    const isBack = async () => String(sorted(await kernelEntries(node))) === String(before.entries);
    await until('it is back with its entries', isBack).catch(() => undefined);
    t.same(await tunnels(node), before.devices, `${node.name}’s VXLAN device is back`);
    t.same(sorted(await kernelEntries(node)), before.entries, 'with its entries');
    await traffic.carries(5000);
  }
  await traffic.survives(t, 'VXLAN devices deleted');
}

async function hostCutOff(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('island');
  const [a, b, c] = await Promise.all([one, two, three].map((node) => scene.server(node, 'island')));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three servers are needed');
  const [among, across] = await Promise.all([SteadyTraffic.start([a, b]), SteadyTraffic.start([b, c])]);
  await scene.cluster.wall.enclose(three.host);
  const isWithdrawn = async () => (await entriesFor(one, c)).length === 0;
  await until('the lost host’s container is withdrawn', isWithdrawn, { timeoutMs: 2 * LEASE_MS });
  const local = await scene.server(three, 'island', { name: 'local' });
  await allReachAll(t, [c, local]);
  const meanwhile = await scene.server(one, 'island', { name: 'meanwhile' });
  await scene.cluster.wall.open();
  const ms = Math.round(await across.carries(RETURN_MS));
  t.pass(`traffic passed ${ms} ms after the way was open`);
  for (const each of [c, local, meanwhile]) await known(scene, each);
  await allReachAll(t, [a, b, c, local, meanwhile]);
  await among.isUnharmed(t, 'another host was cut off');
  await across.survives(t, 'cut off and back');
}

async function hostDestroyed(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  const { base4 } = await scene.dualNetwork('loss');
  const victim = await scene.cluster.addHost('h7');
  await scene.everywhere('loss');
  const doomed = await scene.server(victim, 'loss', { name: 'doomed' });
  const rest = await Promise.all([one, two].map((node) => scene.server(node, 'loss')));
  for (const node of [one, two]) {
    t.ok((await entriesFor(node, doomed)).length >= 4, `${node.name} has its entries`);
  }
  const traffic = await SteadyTraffic.start(rest);
  await scene.cluster.destroy(victim);
  const began = performance.now();
  for (const node of [one, two]) {
    const isGone = async () => (await entriesFor(node, doomed)).length === 0;
    await until(`${node.name} has forgotten it`, isGone, { timeoutMs: 2 * LEASE_MS });
  }
  const ms = Math.round(performance.now() - began);
  t.ok(ms <= LEASE_MS, `its endpoints had left after ${ms} ms`);
  await traffic.isUnharmed(t, 'a host destroyed');
  const refused = await one.docker.runContainer({ network: 'loss', ip: doomed.ip }).then(
    () => 'given',
    (error: unknown) => String(error),
  );
  t.match(refused, /h7|in use|taken|held/, 'its address is not given away');
  const next = await Promise.all(
    Array.from({ length: 8 }, (_, n) => scene.server(one, 'loss', { name: `next${n}` })),
  );
  t.notOk(
    next.some(({ ip, ip6 }) => ip === doomed.ip || ip6 === doomed.ip6),
    `nor by chance (${base4}.0/24)`,
  );
  t.equal((await one.weft(['node', 'rm', 'h7'])).code, 0, 'its node is removed by hand');
  const heir = await until(
    'then its address is free',
    () => one.docker.runContainer({ network: 'loss', ip: doomed.ip, name: 'heir' }),
    { timeoutMs: 45_000, intervalMs: 1000 },
  );
  t.equal((await heir.endpoint('loss')).IPAddress, doomed.ip);
}

async function daemonStopped(t: Test, scene: OverlayScene): Promise<void> {
  await scene.dualNetwork('orderly');
  const servers = await scene.serverOnEach('orderly');
  const traffic = await SteadyTraffic.start(servers);
  for (const node of scene.nodes) {
    t.equal(await node.weftd.stop(), 0, `${node.name}’s weftd ends in good order`);
    await delay(BEYOND_LEASE_MS / scene.nodes.length);
    await node.startWeftd();
  }
  await traffic.isUnharmed(t, 'weftd stopped and started on one host after the other');
}

async function movedUnseen(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  const { base4 } = await scene.dualNetwork('unseen');
  const client = await scene.server(one, 'unseen');
  for (const weftdIsDown of ['meanwhile', 'only when it comes back'] as const) {
    const gone = await scene.server(two, 'unseen', { name: 'mover', ip: `${base4}.77` });
    await allReachAll(t, [client, gone]);
    if (weftdIsDown === 'meanwhile') await one.weftd.kill9();
    await gone.container.remove();
    if (weftdIsDown !== 'meanwhile') {
      await until('its entries go', async () => (await entriesFor(one, gone)).length === 0);
      await one.weftd.kill9();
    }
    const back = await scene.server(three, 'unseen', { name: 'mover', ip: `${base4}.77` });
    t.not(back.mac, gone.mac, 'it comes back with another MAC');
    await one.startWeftd();
    // Nothing is sent meanwhile: what the client remembers changes by what it is told only.
    const remembers = async () => (await client.container.netExec(['ip', 'neigh', 'show', back.ip])).trim();
    const isTold = async () => !(await remembers()).includes(gone.mac);
    t.ok(await until('the client is told', isTold), `weftd is down ${weftdIsDown}: ${await remembers()}`);
    await allReachAll(t, [client, back]);
    await back.container.remove();
  }
}

/** What happens to hosts, their daemons and their kernels. */
export const HOST_FAULTS = {
  'every weftd is killed at once': everyDaemonKilled,
  'every weftd is stopped and started in turn': daemonStopped,
  'all entries are deleted by hand': entriesDeleted,
  'the VXLAN device is deleted': tunnelDeleted,
  'a container moves while a weftd is down': movedUnseen,
  'a host is cut off and comes back': hostCutOff,
  'a host is destroyed': hostDestroyed,
} as const;
