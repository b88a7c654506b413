import { join } from 'node:path';
import type { Test } from 'tap';
import { CHECKOUT, type Container, NODE, until } from '../../lab/index.ts';
import type { IdleOutcome } from '../../support/idle-connections.ts';
import { ask } from '../bridge/probe.ts';
import { inspect, type ServiceStage, type Staged, statesAre, vipsOf, weft } from './service-stage.ts';
import { allReady, answering, startBackends } from './suite-services.ts';

const PROGRAM = join(CHECKOUT, 'test/support/idle-connections.ts');
const HELD = 8;
/** Long enough for a backend to drain meanwhile. */
const IDLE_MS = 8000;
const GRACE_S = 10;

/** Looks until connections go to an address no longer, and says when. */
const WHEN_OUT = 'while nft list map ip weft-vip ring | grep -qF ": $1"; do sleep 0.005; done; date +%s%3N';

/** Drains a backend while connections to all are open; they must go on, and new ones go elsewhere. */
async function drains(
  t: Test,
  stage: ServiceStage,
  {
    client,
    old,
    left,
  }: { readonly client: Container; readonly old: Staged; readonly left: readonly string[] },
  drain: () => Promise<unknown>,
): Promise<void> {
  const before = await inspect(old.node, 'shop');
  const vips = vipsOf(before);
  const argv = (vip: string) => [NODE, PROGRAM, vip, '7', String(HELD), String(IDLE_MS)];
  const held = Promise.all(vips.map((vip) => client.netExec(argv(vip), { timeoutMs: 60_000 })));
  const counted = async () => connectionsOf(await inspect(old.node, 'shop'), old.name);
  const had = connectionsOf(before, old.name);
  await until(`some are with ${old.name}`, async () => (await counted()) >= had + HELD / 2);
  const drained = drain();
  const states = Object.fromEntries(left.map((name) => [name, 'ready']));
  await statesAre(stage, 'shop', { ...states, [old.name]: 'draining' });
  for (const vip of vips)
    t.same(await answering(client, vip), left, `new connections to ${vip} go elsewhere`);
  const outcomes = (await held).flatMap((text) => JSON.parse(text) as IdleOutcome[]);
  t.same(outcomes, new Array(vips.length * HELD).fill('goes on'), 'established ones go on');
  await drained;
}

function connectionsOf({ backends }: Awaited<ReturnType<typeof inspect>>, name: string): number {
  return backends.find((backend) => backend.name === name)?.connections ?? 0;
}

async function draining(t: Test, stage: ServiceStage): Promise<void> {
  const backends = await startBackends(stage, { 'weft.service': 'shop' });
  const [old, ...rest] = backends;
  const { node } = old;
  const left = rest.map(({ name }) => name).sort();
  const client = await node.docker.runContainer({ name: 'client', network: 'app' });
  const vips = vipsOf(await statesAre(stage, 'shop', allReady(backends)));
  const weigh = (...weights: string[]) =>
    weft(node, 'service', 'update', 'shop', ...weights.flatMap((weight) => ['--weight', weight]));
  for (const vip of vips) await until(`${vip} answers`, () => ask(client, vip));

  await drains(t, stage, { client, old, left }, () => weigh(`${old.name}=0`));
  await weigh(`${old.name}=`, ...left.map((name) => `${name}=0`));
  await until(
    'only the old one is asked',
    async () => (await answering(client, vips[0])).join() === old.name,
  );
  // One port, so one connection to conntrack; and one number of an echo.
  const datagram = async (vip: string) =>
    (await ask(client, vip, 80, 'udp', ',sourceport=5353,reuseaddr'))?.name;
  const echo = async (vip: string) =>
    (await client.tryNetExec(['ping', '-e', '77', '-c', '1', '-W', '1', vip])).code === 0;
  for (const vip of vips) {
    t.equal(await until(`${vip} by UDP`, () => datagram(vip)), old.name, `${vip} by UDP`);
    t.ok(await echo(vip), 'and by echo');
  }
  await weigh(...left.map((name) => `${name}=`));
  await statesAre(stage, 'shop', allReady(backends));

  const { IPAddress } = await old.container.endpoint('app');
  await drains(t, stage, { client, old, left }, async () => {
    const begun = Date.now();
    const isOut = client.netExec(['sh', '-c', WHEN_OUT, 'sh', IPAddress]);
    await old.container.stop(GRACE_S);
    t.comment(`new connections went elsewhere ${Number(await isOut) - begun} ms after docker stop began`);
  });
  await old.container.remove();
  for (const vip of vips) {
    const name = await until(`${vip} by UDP`, () => datagram(vip));
    t.ok(left.includes(name), `UDP of one client goes on with ${name} once its backend is gone`);
    t.ok(await until(`${vip} by echo`, () => echo(vip)), 'and so do echoes');
  }
}

async function stable(t: Test, stage: ServiceStage): Promise<void> {
  const labels = { 'weft.service': 'shop', 'weft.service.port': '80' };
  const backends = await startBackends(stage, labels);
  const [{ node }] = backends;
  await weft(node, 'service', 'create', 'byhand', '--network', 'app', '--select', 'all');
  const client = await node.docker.runContainer({ name: 'client', network: 'app', restart: 'always' });
  const seen = async () => {
    const services: [string, string, string][] = [];
    for (const service of ['shop', 'byhand'])
      services.push([service, ...vipsOf(await statesAre(stage, service, allReady(backends)))]);
    return services;
  };
  const before = await seen();
  t.ok(
    before.flat().every((text) => text !== ''),
    `two services with two addresses each: ${before}`,
  );
  const each = (task: (node: ServiceStage['nodes'][number]) => Promise<unknown>) =>
    Promise.all(stage.nodes.map(task));
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    'weftd is restarted': () => each((one) => one.weftd.stop().then(() => one.startWeftd())),
    'weftd is killed': () => each((one) => one.weftd.kill9().then(() => one.startWeftd())),
    'dockerd is restarted': () => each(({ host }) => host.restartDockerd()),
    'all hosts are switched off and on': () => each((one) => one.reboot()),
    'all containers are made again': async () => {
      await each(async ({ docker }) => {
        for (const container of await docker.listContainers())
          if (container.name !== 'client') await container.remove();
      });
      await startBackends(stage, labels);
    },
  };
  for (const [what, way] of Object.entries(ways)) {
    await way();
    t.same(await seen(), before, `the same when ${what}`);
    const from = await node.docker.container(client.name);
    for (const vip of before.flatMap(([, ...vips]) => vips)) {
      const isAnswered = async () => (await answering(from, vip, { count: 3 })).join() !== 'nobody';
      t.ok(await until(`${vip} answers when ${what}`, isAnswered), `${vip} answers`);
    }
  }
}

/** What a service keeps while its backends, its daemons and its hosts come and go. */
export const SERVICE_CHANGES = {
  'backends drain by weight and by stopping, and what is left behind goes elsewhere': draining,
  'virtual IPs stay the same': stable,
} as const;
