import type { Test } from 'tap';
import type { BackendView, ServiceDetail } from '../../../core/control.ts';
import { type ClusterNode, type Container, until } from '../../lab/index.ts';
import type { OverlayScene } from '../overlay/overlay-scene.ts';
import { dig } from './asking.ts';
import { page, readyEverywhere, streamRequests } from './suite-rolling.ts';

/** The lease of a node, and no longer. */
const LEASE_MS = 15_000;
const PROBED_MS = 1000;
const PATIENCE_MS = 30_000;
/** Of each client, per second. */
const RATE = 50;

/** Without a probe: what its own host says of it is all that is known. */
function unprobed(name: string) {
  const whole = page(name);
  return { ...whole, labels: { 'weft.service': 'plain', 'weft.service.port': '80:8080' } };
}

async function backend(node: ClusterNode, service: string, name: string): Promise<BackendView | undefined> {
  const { backends } = await node.weftJson<ServiceDetail>('service', 'inspect', service);
  return backends.find((each) => each.name === name);
}

/** Milliseconds until a name has no address any more. */
async function gone(from: Container, name: string, since: number): Promise<number> {
  const isGone = async () => !(await answers(from, name));
  await until(`${name} is gone`, isGone, { timeoutMs: PATIENCE_MS, intervalMs: 10 });
  return performance.now() - since;
}

async function answers(from: Container, name: string): Promise<boolean> {
  return (await dig(from, name, 'A')).length > 0;
}

async function destroyed(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  const victim = await scene.cluster.addHost('h7');
  await scene.dualNetwork('app');
  const rest = [one, two];
  for (const node of [...rest, victim]) {
    await node.docker.runContainer(page(`web-${node.name}`));
    await node.docker.runContainer(unprobed(`plain-${node.name}`));
  }
  const names = ['web-h1', 'web-h2', 'web-h7'];
  const { vip4 = '', vip6 = '', backends } = await readyEverywhere(scene, names);
  const lost = backends.find(({ name }) => name === 'web-h7')?.ipv4 ?? '';
  const clients = await Promise.all(
    rest.map((node) => node.docker.runContainer({ name: `client-${node.name}`, network: 'app' })),
  );
  const hasTasks = async (from: Container) => (await dig(from, 'tasks.shop', 'A')).includes(lost);
  for (const client of clients) {
    await until('its backend is known', () => hasTasks(client));
    await until('its name is known', () => answers(client, 'plain-h7'));
  }
  const streams = await Promise.all(
    clients.map((client, n) => streamRequests(client, RATE, n === 0 ? vip4 : vip6)),
  );
  await until(
    'requests come to it',
    async () => ((await backend(one, 'shop', 'web-h7'))?.connections ?? 0) > RATE,
  );
  await victim.host.setCable('pulled');
  const since = performance.now();
  const left = await Promise.all(
    clients.map(async (client) => {
      const isOut = async () => !(await hasTasks(client));
      await until('it is no backend', isOut, { timeoutMs: PATIENCE_MS, intervalMs: 10 });
      return performance.now() - since;
    }),
  );
  const slowest = Math.max(...left);
  t.ok(slowest <= PROBED_MS, `a backend with a probe was out after ${slowest.toFixed(0)} ms`);
  for (const node of rest) t.equal((await backend(node, 'shop', 'web-h7'))?.state, 'failing');
  const after = await Promise.all(
    clients.map((client, n) => streamRequests(client, RATE, n === 0 ? vip4 : vip6)),
  );
  const names15 = await Promise.all(clients.map((client) => gone(client, 'plain-h7', since)));
  const last = Math.max(...names15);
  t.ok(last <= LEASE_MS, `its names were gone after ${last.toFixed(0)} ms`);
  for (const service of ['shop', 'plain']) {
    const name = service === 'shop' ? 'web-h7' : 'plain-h7';
    for (const node of rest)
      t.equal(await backend(node, service, name), undefined, `and ${name} on ${node.name}`);
  }
  const during = await Promise.all(streams.map((stream) => stream.end()));
  const later = await Promise.all(after.map((stream) => stream.end()));
  for (const { asked, failed } of later)
    t.equal(failed, 0, `of ${asked} requests sent after that none failed`);
  t.comment(
    `requests under way that failed: ${during.map(({ failed, asked }) => `${failed} of ${asked}`).join(', ')}`,
  );
  await scene.cluster.destroy(victim);
  t.equal((await one.weft(['node', 'rm', 'h7'])).code, 0, 'its node is removed by hand');
}

/** Hosts that end while their containers are asked for. */
export const HOST_FAULTS = { 'a host with backends is destroyed': destroyed } as const;
