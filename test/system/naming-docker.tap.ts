import t, { type Test } from 'tap';
import { parseSandboxKey } from '../../core/ids.ts';
import type { NameRecord } from '../../core/naming.ts';
import { anEndpoint, anEndpointRequest } from '../fakes/builders.ts';
import { NamingCluster } from '../fakes/naming-cluster.ts';
import type { NamingHost } from '../fakes/naming-host.ts';
import {
  type Container,
  createHost,
  createUnderlay,
  type EngineSeries,
  type Host,
  until,
} from '../lab/index.ts';

/** Longest time from the answer to `docker start` until another host knows the names, milliseconds. */
const KNOWN_MS = 100;
const STARTS = 15;

t.setTimeout(240_000);

/** A host with a real engine whose names one naming finds out and another one hears. */
interface World {
  readonly host: Host;
  readonly here: NamingHost;
  readonly there: NamingHost;
  readonly network: string;
}

/** Stands in for the plugin: what Docker has plumbed is in the store, as if weft had. */
async function adopt({ here, host, network }: World, container: Container): Promise<void> {
  const { NetworkSettings } = await container.inspect();
  const { EndpointID, IPAddress, IPPrefixLen } = await container.endpoint();
  const request = anEndpointRequest({
    id: EndpointID,
    networkId: network,
    ipv4: `${IPAddress}/${IPPrefixLen}`,
  });
  // Seen from here the host's /var/run would be this machine's own.
  const sandboxKey = parseSandboxKey(host.path(NetworkSettings.SandboxKey.replace(/^\/var/, '')));
  const attachment = { sandboxKey, mappings: [], exposed: [] };
  await here.is.repository.putEndpoint(anEndpoint({ request, attachment, createdAt: Date.now() - 1000 }));
}

async function leave({ here }: World, name: string): Promise<void> {
  const record = [...here.view.names('app')].find(({ names }) => names.includes(name));
  const endpoint = record && here.is.repository.endpoint(record.endpoint);
  if (endpoint !== undefined) await here.is.repository.deleteEndpoint(endpoint);
}

const find = (host: NamingHost, name: string): NameRecord | undefined =>
  [...host.view.names('app')].find(({ names }) => names.includes(name));
const becomes = (host: NamingHost, name: string, state: string, timeoutMs = 10_000): Promise<NameRecord> =>
  until(
    `${name} is ${state}`,
    () => {
      const record = find(host, name);
      return record?.state === state && record;
    },
    { timeoutMs, intervalMs: 2 },
  );

async function rename({ host }: World, { id }: Container, name: string): Promise<void> {
  await host.docker.api.text({ method: 'POST', path: `/containers/${id}/rename?name=${name}` });
}

async function run(world: World, spec: Parameters<Host['docker']['runContainer']>[0]): Promise<Container> {
  const container = await world.host.docker.runContainer({ network: 'app', ...spec });
  await adopt(world, container);
  return container;
}

async function namesAtStart(t: Test, world: World): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const name = `n${i}`;
    const container = await world.host.docker.createContainer({
      name,
      network: 'app',
      aliases: [`alias-${i}`],
    });
    await container.start();
    const started = performance.now();
    await adopt(world, container);
    const { names } = await becomes(world.there, `alias-${i}`, 'ready');
    took.push(performance.now() - started);
    t.strictSame([names[0], names.includes(container.id.slice(0, 12))], [name, true]);
    await leave(world, name);
    await container.remove();
  }
  took.sort((a, b) => a - b);
  const median = took[Math.floor(STARTS / 2)] ?? Number.NaN;
  t.comment(`names known after ${took.map((ms) => ms.toFixed(0)).join(' ')} ms`);
  t.ok(
    median <= KNOWN_MS,
    `another host knows the names ${median.toFixed(0)} ms after docker start returned`,
  );
}

async function life(t: Test, world: World): Promise<void> {
  const labels = { 'com.docker.compose.service': 'front' };
  const container = await run(world, {
    name: 'web',
    labels,
    stopSignal: 'SIGQUIT',
  });
  await becomes(world.there, 'front', 'ready');
  await rename(world, container, 'shop');
  const renamed = await becomes(world.there, 'shop', 'ready');
  t.equal(renamed.names[0], 'shop', 'a new name is known');
  await container.kill('HUP');
  await container.kill('WINCH');
  t.equal(find(world.there, 'shop')?.state, 'ready', 'other signals say nothing');
  // As process 1 it ignores the signal until it is killed.
  let ended = false;
  const stopped = container.stop(2).then(() => {
    ended = true;
  });
  await becomes(world.there, 'shop', 'draining');
  t.notOk(ended, 'it drains while it still runs');
  await stopped;
  await leave(world, 'shop');
  await until('gone', () => find(world.there, 'shop') === undefined);
  await container.remove();
}

async function health(t: Test, world: World): Promise<void> {
  const container = await run(world, { name: 'well', healthCommand: 'test -e /tmp/well' });
  await becomes(world.there, 'well', 'starting');
  await container.exec(['touch', '/tmp/well']);
  await becomes(world.there, 'well', 'ready');
  await container.exec(['rm', '/tmp/well']);
  await becomes(world.there, 'well', 'failing', 20_000);
  t.pass('Docker’s health is the state');
  await leave(world, 'well');
  await container.remove();
}

async function probes(t: Test, world: World): Promise<void> {
  const probe = { 'weft.service': 'www', 'weft.service.health': 'http:80/index.html' };
  const container = await run(world, { name: 'www-1', labels: probe });
  await becomes(world.there, 'www-1', 'starting');
  const tcp = await run(world, {
    name: 'tcp-1',
    labels: { 'weft.service': 'tcp', 'weft.service.health': 'tcp:8000' },
    cmd: ['httpd', '-f', '-p', '8000', '-h', '/www'],
  });
  await becomes(world.there, 'tcp-1', 'ready', 2000);
  const server = await container.netSpawn(['busybox', 'httpd', '-f', '-p', '80', '-h', '/mnt']);
  await until('it serves', async () => (await container.tryNetExec(['curl', '-s', '127.0.0.1'])).code === 0);
  t.equal(find(world.there, 'www-1')?.state, 'starting', 'a page that is not there is no answer');
  await server.stop();
  await container.exec(['sh', '-c', 'httpd -p 80 -h /www']);
  await becomes(world.there, 'www-1', 'ready', 1000);
  const service = await until('the service', () => world.there.view.service('app', 'www'));
  t.match(service.vip4, /^172\.31\.7\.25\d$/, 'its virtual IP is at the top of the subnet');
  t.match(world.there.view.backends(service), [{ node: 'here', state: 'ready', weight: 1 }]);
  await container.exec(['sh', '-c', 'kill -9 $(pidof httpd)']);
  const since = performance.now();
  await becomes(world.there, 'www-1', 'failing', 3000);
  t.comment(`failing ${(performance.now() - since).toFixed(0)} ms after its server ended`);
  for (const [name, each] of [
    ['www-1', container],
    ['tcp-1', tcp],
  ] as const) {
    await leave(world, name);
    await each.remove();
  }
}

async function engineRestarts(t: Test, world: World): Promise<void> {
  const container = await run(world, { name: 'kept', restart: 'always' });
  await becomes(world.there, 'kept', 'ready');
  await world.host.killDockerd9();
  t.equal(find(world.there, 'kept')?.state, 'ready', 'names outlive dockerd');
  await world.host.startDockerd();
  const later = await run(world, { name: 'later' });
  await becomes(world.there, 'later', 'ready');
  t.equal(find(world.there, 'kept')?.state, 'ready');
  await world.here.restart();
  t.equal(find(world.there, 'kept')?.state, 'ready', 'and weftd');
  // Only what Docker has been asked about again since can be heard to stop.
  await rename(world, container, 'known');
  await becomes(world.there, 'known', 'ready');
  await container.stop();
  await becomes(world.there, 'known', 'draining');
  for (const [name, each] of [
    ['known', container],
    ['later', later],
  ] as const) {
    await leave(world, name);
    await each.remove();
  }
}

const engines: readonly EngineSeries[] = ['20.10', '28.5'];
for (const engine of engines) {
  t.test(`names and states by what engine ${engine} says`, async (t) => {
    await using underlay = await createUnderlay();
    const host = await createHost({ underlay, engine, hasLiveRestore: true });
    await using cluster = await NamingCluster.create();
    const here = await cluster.host('here', host.path('/run/docker.sock'));
    const there = await cluster.host('there');
    const subnet = '172.31.7.0/24';
    const network = await host.docker.createNetwork({ name: 'app', subnets: [{ subnet }] });
    for (const each of [here, there])
      await each.network({ id: network, overlay: 'app', ipv4: subnet, ipam: 'default' });
    const world = { host, here, there, network };
    await t.test('names at start', (t) => namesAtStart(t, world));
    await t.test('a container’s life', (t) => life(t, world));
    await t.test('health', (t) => health(t, world));
    await t.test('probes', (t) => probes(t, world));
    await t.test('restarts of the engine and of weftd', (t) => engineRestarts(t, world));
    t.strictSame(here.naming.problems, []);
  });
}
