import type { Test } from 'tap';
import type { BackendView, ServiceDetail } from '../../../core/control.ts';
import { type ClusterNode, type Container, until } from '../../lab/index.ts';
import type { OverlayScene } from '../overlay/overlay-scene.ts';
import { dig, unknown } from './asking.ts';
import { page, readyEverywhere, streamRequests } from './suite-rolling.ts';

/** The lease of a node, and no longer. */
const LEASE_MS = 15_000;
const PROBED_MS = 1000;
const PATIENCE_MS = 30_000;
/** Of each client, per second. */
const RATE = 30;

/** Without a probe: what its own host says of it is all that is known. */
function unprobed(name: string) {
  const whole = page(name);
  return { ...whole, labels: { 'weft.service': 'plain', 'weft.service.port': '80:8080' } };
}

async function backend(node: ClusterNode, service: string, name: string): Promise<BackendView | undefined> {
  const { backends } = await node.weftJson<ServiceDetail>('service', 'inspect', service);
  return backends.find((each) => each.name === name);
}

/** Milliseconds from `since` until one of the backends of a service is told no longer to these clients. */
async function whenOut(
  clients: readonly Container[],
  { service, ip, since, intervalMs }: Backend,
): Promise<number> {
  const times = clients.map(async (client) => {
    const isOut = async () => !(await isTold(client, service, ip));
    await until(`${ip} is no backend`, isOut, { timeoutMs: PATIENCE_MS, intervalMs });
    return performance.now() - since;
  });
  return Math.max(...(await Promise.all(times)));
}

interface Backend {
  readonly service: string;
  readonly ip: string;
  readonly since: number;
  /** Between two looks. */
  readonly intervalMs: number;
}

async function isTold(client: Container, service: string, ip: string): Promise<boolean> {
  return (await dig(client, `tasks.${service}`, 'A')).includes(ip);
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
  const clients = await Promise.all(
    rest.map((node) => node.docker.runContainer({ name: `client-${node.name}`, network: 'app' })),
  );
  const probed = backends.find(({ name }) => name === 'web-h7')?.ipv4 ?? '';
  const plain = (await victim.docker.container('plain-h7').then((each) => each.endpoint('app'))).IPAddress;
  for (const client of clients) {
    await until('its probed backend is known', () => isTold(client, 'shop', probed));
    await until('its other backend is known', () => isTold(client, 'plain', plain));
  }
  const begin = () =>
    Promise.all(clients.map((client, n) => streamRequests(client, RATE, n === 0 ? vip4 : vip6)));
  const streams = await begin();
  await until(
    'requests come to it',
    async () => ((await backend(one, 'shop', 'web-h7'))?.connections ?? 0) > RATE,
  );
  await victim.host.setCable('pulled');
  const since = performance.now();
  const first = await whenOut(clients, { service: 'shop', ip: probed, since, intervalMs: 10 });
  t.ok(first <= PROBED_MS, `a backend with a probe was out after ${first.toFixed(0)} ms`);
  for (const node of rest) t.equal((await backend(node, 'shop', 'web-h7'))?.state, 'failing');
  const after = await begin();
  const last = await whenOut(clients, { service: 'plain', ip: plain, since, intervalMs: 200 });
  t.ok(last <= LEASE_MS, `one without was out after ${last.toFixed(0)} ms`);
  for (const client of clients) await unknown(t, client, 'plain-h7', `a container, ${client.name}`);
  for (const service of ['shop', 'plain']) {
    const name = service === 'shop' ? 'web-h7' : 'plain-h7';
    for (const node of rest)
      t.equal(await backend(node, service, name), undefined, `and ${name} on ${node.name}`);
  }
  const during = await Promise.all(streams.map((stream) => stream.end()));
  const later = await Promise.all(after.map((stream) => stream.end()));
  for (const { asked, failed, reasons } of later)
    t.equal(failed, 0, `of ${asked} requests sent after that none failed ${reasons}`);
  for (const { asked, failed } of during) t.comment(`of requests meanwhile ${failed} of ${asked} failed`);
  for (const line of one.weftd.logs.filter((each) => each.includes('"h7"'))) t.comment(line);
  await scene.cluster.destroy(victim);
  t.equal((await one.weft(['node', 'rm', 'h7'])).code, 0, 'its node is removed by hand');
}

/** Hosts that end while their containers are asked for. */
export const HOST_FAULTS = { 'a host with backends is destroyed': destroyed } as const;
