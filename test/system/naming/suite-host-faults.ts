import type { Test } from 'tap';
import type { BackendView, ServiceDetail } from '../../../core/control.ts';
import { type ClusterNode, type Container, until } from '../../lab/index.ts';
import type { OverlayScene } from '../overlay/overlay-scene.ts';
import { dig, unknown } from './asking.ts';
import { page, readyEverywhere, streamRequests } from './suite-rolling.ts';

/** The lease of a node, and no longer. */
const LEASE_MS = 15_000;
const PROBED_MS = 1000;
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

/** Looks until others are told and this address is not, and says when; one process, so that looking costs little. */
const LOOK = `
  told() { dig @127.0.0.11 +short +tries=1 +time=1 "$1" A; }
  until now=$(told "$1") && echo "$now" | grep -q '^[0-9]' && ! echo "$now" | grep -qx "$2"; do sleep "$3"; done
  date +%s%3N`;

/** Waits until one of the backends of a service is told no longer to any client; milliseconds since the epoch. */
async function whenOut(
  clients: readonly Container[],
  backend: { readonly service: string; readonly ip: string },
  everySeconds: number,
): Promise<number> {
  const { service, ip } = backend;
  const argv = ['sh', '-c', LOOK, 'sh', `tasks.${service}`, ip, String(everySeconds)];
  const times = clients.map(async (client) => Number(await client.netExec(argv)));
  return Math.max(...(await Promise.all(times)));
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
  const isOut = whenOut(clients, { service: 'shop', ip: probed }, 0.01);
  const isGone = whenOut(clients, { service: 'plain', ip: plain }, 0.2);
  await victim.host.setCable('pulled');
  const since = Date.now();
  const first = (await isOut) - since;
  t.ok(first <= PROBED_MS, `a backend with a probe was out after ${first} ms`);
  for (const node of rest) t.equal((await backend(node, 'shop', 'web-h7'))?.state, 'failing');
  const after = await begin();
  const last = (await isGone) - since;
  t.ok(last <= LEASE_MS, `one without was out after ${last} ms`);
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
