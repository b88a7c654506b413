import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Status } from '../../../core/control.ts';
import { CHECKOUT, type ClusterNode, type Container, NODE, until } from '../../lab/index.ts';
import { AGAIN_SOON_MS, type StreamResult } from '../../support/dns-stream.ts';
import type { OverlayScene } from '../overlay/overlay-scene.ts';
import { placed } from '../overlay/overlay-scene.ts';
import { dig } from './asking.ts';
import { page, readyEverywhere } from './suite-rolling.ts';

const STREAM = join(CHECKOUT, 'test/support/dns-stream.ts');
const RATE = 1000;
/** Before, between and after what is done to the processes. */
const STEADY_MS = 1500;
/** Longest wait for an answer while the resolver is started again. */
const RETRIES_MS = 200;
const TIMES = 3;

/** A steady stream of queries for one name from a container. */
export interface QueryStream {
  end(): Promise<StreamResult>;
}

/** Begins to ask for a name that has one IPv4 address. */
export async function streamQueries(
  from: Container,
  name: string,
  address: string,
  ...again: readonly number[]
): Promise<QueryStream> {
  const argv = [RATE, name, address, ...again].map(String);
  const program = await from.netSpawn([NODE, STREAM, ...argv]);
  return {
    end: async () => {
      await program.stop();
      return JSON.parse(program.lines.join('\n')) as StreamResult;
    },
  };
}

/** A backend of `shop` on each host and a client on the first; the virtual IP is what is asked for. */
async function openScene(
  scene: OverlayScene,
): Promise<{ readonly client: Container; readonly vip4: string }> {
  await scene.dualNetwork('app');
  for (const node of scene.nodes) await node.docker.runContainer(page(`web-${node.name}`));
  const { vip4 = '' } = await readyEverywhere(
    scene,
    scene.nodes.map(({ name }) => `web-${name}`),
  );
  const client = await scene.three[0].docker.runContainer({ name: 'client', network: 'app' });
  await until('the client is told', async () => (await dig(client, 'shop', 'A'))[0] === vip4);
  return { client, vip4 };
}

/** Asserts that no query failed or was answered wrongly, or had even to be sent again. */
function isUnharmed(
  t: Test,
  { asked, wrong, failed, repeated, longest }: StreamResult,
  during: string,
): void {
  t.ok(asked > RATE, `${asked} queries while ${during}`);
  t.same([wrong, failed, repeated], [0, 0, 0], 'none was answered wrongly, failed or was sent again');
  t.comment(`${during}: longest answer ${longest.toFixed(0)} ms`);
}

async function weftdKilled(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  const { client, vip4 } = await openScene(scene);
  const stream = await streamQueries(client, 'shop', vip4);
  await delay(STEADY_MS);
  for (let n = 1; n <= TIMES; n++) {
    const pid = resolverPid(one);
    await one.weftd.kill9();
    await delay(STEADY_MS);
    await one.startWeftd();
    t.equal(resolverPid(one), pid, 'the resolver process goes on');
    const fresh = await two.docker.runContainer({ name: `fresh-${n}`, network: 'app' });
    const { ip } = await placed(two, fresh, 'app');
    const isTold = async () => (await dig(client, `fresh-${n}`, 'A'))[0] === ip;
    t.ok(await until('it is told of what is new', isTold), 'and is told of what is new');
  }
  isUnharmed(t, await stream.end(), 'weftd was killed and started again');
}

async function etcdKilled(t: Test, scene: OverlayScene): Promise<void> {
  const { etcd } = scene.cluster;
  const { client, vip4 } = await openScene(scene);
  const stream = await streamQueries(client, 'shop', vip4);
  await delay(STEADY_MS);
  for (const member of etcd.members) {
    await member.stop('SIGKILL');
    await delay(STEADY_MS);
    await member.start();
    await member.healthy();
  }
  await etcd.stopAll('SIGKILL');
  await delay(10 * STEADY_MS);
  const [one, two] = scene.three;
  const near = await one.docker.runContainer({ name: 'near', network: 'app' });
  const { ip } = await placed(one, near, 'app');
  const isFound = async () => (await dig(client, 'near', 'A'))[0] === ip;
  t.ok(await until('Docker tells it', isFound), 'without etcd a new name of this host is Docker’s to tell');
  await etcd.startAll();
  for (const from of [client, await two.docker.runContainer({ name: 'far', network: 'app' })]) {
    const isTold = async () => (await dig(from, 'near', 'A'))[0] === ip;
    t.ok(await until('it is told', isTold, { timeoutMs: 20_000 }), `${from.name} is told when etcd is back`);
  }
  isUnharmed(t, await stream.end(), 'every member of etcd was killed, one by one and all at once');
}

async function resolverKilled(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.three;
  const { client, vip4 } = await openScene(scene);
  const stream = await streamQueries(client, 'shop', vip4, AGAIN_SOON_MS);
  await delay(STEADY_MS);
  const before = await one.weftJson<Status>('status');
  t.match(before.resolver, { state: 'on', restarts: 0 });
  let pid = 0;
  for (let n = 0; n < TIMES; n++) {
    pid = resolverPid(one);
    await until('one stands by', () => ![0, pid].includes(resolverPid(one, 'standby.lock')));
    // Inside the host, as its processes number each other.
    await one.host.exec(['sh', '-c', `kill -9 ${pid}`]);
    await until('another one is there', () => ![0, pid].includes(resolverPid(one)));
    await delay(STEADY_MS);
  }
  const { asked, wrong, failed, longest, repeated } = await stream.end();
  t.ok(asked > RATE, `${asked} queries while the resolver was killed ${TIMES} times`);
  t.same([wrong, failed], [0, 0], 'none was answered wrongly or failed');
  t.ok(longest < RETRIES_MS, `the longest wait was ${longest.toFixed(0)} ms`);
  t.comment(`${repeated} queries were sent again`);
  const { resolver } = await one.weftJson<Status>('status');
  const lastError = `process ${pid} has ended: SIGKILL`;
  t.match(resolver, { state: 'on', restarts: TIMES, lastError });
  const { stdout } = await one.weft(['status']);
  t.match(stdout, `restarted ${TIMES} times: ${lastError}`, 'in words, too');
}

/** As the host's processes number it. */
function resolverPid({ host }: ClusterNode, lock = 'process.lock'): number {
  const text = readFileSync(host.path(`/run/weft/resolver/${lock}`), 'utf8') || '{"pid":0}';
  return (JSON.parse(text) as { readonly pid: number }).pid;
}

/** Processes that end while names are asked for. */
export const PROCESS_FAULTS = {
  'weftd is killed under queries': weftdKilled,
  'the resolver is killed under queries': resolverKilled,
  'etcd is killed under queries': etcdKilled,
} as const;
