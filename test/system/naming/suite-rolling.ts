import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { ServiceDetail } from '../../../core/control.ts';
import { CHECKOUT, type ClusterNode, type Container, type LabProcess, NODE, until } from '../../lab/index.ts';
import type { RequestTotals } from '../../support/http-requests.ts';
import type { OverlayScene } from '../overlay/overlay-scene.ts';

const REQUESTS = join(CHECKOUT, 'test/support/http-requests.ts');
/** Of all hosts together, per second. */
const RATE = 200;
const LASTS_MS = 60_000;
/** A backend that is told to stop goes on for so long, as one does that finishes what it has begun. */
const GRACE_S = 2;
const READY_MS = 10_000;

/** Requests at a steady rate from one container. */
export interface RequestStream {
  /** Ends it and says what became of the requests. */
  end(): Promise<RequestTotals>;
}

/** Begins to send requests to a virtual IP. */
export async function streamRequests(from: Container, rate: number, ip: string): Promise<RequestStream> {
  const program: LabProcess = await from.netSpawn([NODE, REQUESTS, 'rate', String(rate), ip, '80']);
  return {
    end: async () => {
      await program.stop();
      return JSON.parse(program.lines.join('\n')) as RequestTotals;
    },
  };
}

/** A page that says `name`, behind service `shop`, ready when it answers. */
export function page(name: string) {
  const serve = `mkdir -p /tmp/www && echo ${name} > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www`;
  return {
    name,
    network: 'app',
    // Process 1 of a container does not end by SIGTERM unless it says so.
    stopSignal: 'SIGTERM',
    cmd: ['sh', '-c', serve],
    labels: {
      'weft.service': 'shop',
      'weft.service.port': '80:8080',
      'weft.service.health': 'http:8080/',
    },
  };
}

/** Waits until every host sees exactly these backends ready, by name. */
export async function readyEverywhere(scene: OverlayScene, names: readonly string[]): Promise<ServiceDetail> {
  const wanted = [...names].sort().join(' ');
  return until(
    `${wanted} ready everywhere`,
    async () => {
      const seen = await Promise.all(
        scene.nodes.map((node) => node.weftJson<ServiceDetail>('service', 'inspect', 'shop')),
      );
      const [first] = seen;
      return seen.every((service) => readyIn(service).join(' ') === wanted) && first;
    },
    { timeoutMs: READY_MS },
  );
}

function readyIn({ backends }: ServiceDetail): readonly string[] {
  return backends.flatMap(({ state, name }) => (state === 'ready' ? [name ?? ''] : [])).sort();
}

/** How an old backend leaves. */
type Leave = (scene: OverlayScene, node: ClusterNode, old: Container) => Promise<void>;

const bySignal: Leave = async (_scene, _node, old) => {
  await old.stop(GRACE_S);
};

/** Its connections are over by then, so that it may end at once. */
const byWeight: Leave = async (scene, node, old) => {
  const { code, stderr } = await node.weft(['service', 'update', 'shop', '--weight', `${old.name}=0`]);
  if (code !== 0) throw new Error(stderr);
  await until('it drains everywhere', async () => {
    const seen = await Promise.all(
      scene.nodes.map((each) => each.weftJson<ServiceDetail>('service', 'inspect', 'shop')),
    );
    return seen.every(({ backends }) => backends.find(({ name }) => name === old.name)?.state === 'draining');
  });
  await delay(500);
  await old.kill();
};

/** Replaces every backend again and again while requests go to them, and asserts that none failed. */
async function replaced(t: Test, scene: OverlayScene, leave: Leave, lastsMs: number): Promise<void> {
  await scene.dualNetwork('app');
  const now = new Map<ClusterNode, Container>();
  for (const node of scene.nodes) now.set(node, await node.docker.runContainer(page(`${node.name}-0`)));
  const namesNow = () => [...now.values()].map(({ name }) => name);
  const { vip4 = '', vip6 = '' } = await readyEverywhere(scene, namesNow());
  const streams = await Promise.all(
    scene.nodes.map(async (node, n) => {
      const client = await node.docker.runContainer({ name: `client-${node.name}`, network: 'app' });
      return streamRequests(client, RATE / scene.nodes.length, n === 0 ? vip6 : vip4);
    }),
  );
  const began = performance.now();
  let generation = 0;
  while (performance.now() - began < lastsMs) {
    generation += 1;
    for (const [node, old] of now) {
      const next = await node.docker.runContainer(page(`${node.name}-${generation}`));
      now.set(node, next);
      await readyEverywhere(scene, [...namesNow(), old.name]);
      await leave(scene, node, old);
      await readyEverywhere(scene, namesNow());
      await old.remove();
    }
  }
  const totals = await Promise.all(streams.map((stream) => stream.end()));
  const asked = totals.reduce((sum, each) => sum + each.asked, 0);
  const failed = totals.reduce((sum, each) => sum + each.failed, 0);
  const reasons = totals.flatMap((each, n) => each.reasons.map((reason) => `h${n + 1}: ${reason}`));
  t.equal(failed, 0, `of ${asked} requests while backends were replaced ${generation} times none failed`);
  t.same(reasons, [], 'for no reason');
  t.ok(asked >= (RATE * lastsMs * 0.95) / 1000, `at ${RATE} a second`);
  const longest = Math.max(...totals.map((each) => each.longest));
  t.comment(`${generation} generations, slowest answer ${longest.toFixed(0)} ms`);
}

/** Backends that are replaced under requests. */
export const ROLLING = {
  'all backends are replaced by stopping them': (t: Test, scene: OverlayScene) =>
    replaced(t, scene, bySignal, LASTS_MS),
  'all backends are replaced by taking their weight': (t: Test, scene: OverlayScene) =>
    replaced(t, scene, byWeight, LASTS_MS / 3),
} as const;
