import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ip } from '../core/address.ts';
import type { SandboxKey } from '../core/ids.ts';
import type { Resolver } from '../daemon/resolver/index.ts';
import { aName } from '../test/support/a-name.ts';
import { ResolverScene, type SceneSandbox, startStream } from '../test/system/resolver/scene.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import { type Figure, single } from './harness/figure.ts';
import { spreadOf } from './harness/statistics.ts';

/** Names that each sandbox sees. */
const NAMES = 1000;
/** A process that lives this long is started again without a delay. */
const LIFE_MS = 10_500;
/** After this a process has given back what only its start needed. */
const SETTLED_MS = 7000;
/** Queries a second while the process is killed. */
const RATE = 1000;
/** For so long names may be missed (issue 3). */
const RETRIES_MS = 200;

/** What the resolver costs for many sandboxes. */
export const namesFootprint: Bench = {
  name: 'names-footprint',
  title: 'resolver: memory, descriptors and start with many sandboxes',
  async run(options) {
    const count = options.quick ? 100 : 1000;
    await using scene = new ResolverScene();
    for (let i = 0; i < NAMES; i++) {
      const ipv4 = `198.18.${i >> 8}.${i & 255}` as Ip;
      scene.naming.putName(aName(`endpoint${i}`, [`name${i}`, `alias${i}`], { ipv4 }));
    }
    await using resolver = await scene.resolver();
    const first = await scene.serving(resolver, 0);
    const empty = usageOf(first);
    const ownBefore = usageOf(process.pid);
    options.progress(`making ${count} namespaces`);
    using namespaces = manyNamespaces(count);
    const began = performance.now();
    for (const key of namespaces.keys) scene.sandboxes.set(key, ['net-id']);
    for (const key of namespaces.keys) await resolver.ready(key, 60_000);
    const all = performance.now() - began;
    await scene.serving(resolver, count);
    const filled = usageOf(first);
    const own = usageOf(process.pid);
    const asking = await scene.sandbox();
    const kills: Kill[] = [];
    for (let round = 0; round < roundsOf(options, 5, 1); round++) {
      await sleep(LIFE_MS);
      options.progress('killing the process');
      kills.push(await kill(scene, resolver, asking, count + 1));
    }
    const standby = await scene.standby();
    await sleep(SETTLED_MS);
    const wrong = kills.reduce((sum, each) => sum + each.wrong + each.failed, 0);
    const each = (what: string, unit: Figure['unit'], difference: number): Figure => ({
      what: `${what}, each sandbox`,
      unit,
      weft: single(difference / count),
    });
    return [
      { what: `memory of the process, ${NAMES} names, no sandbox`, unit: 'MB', weft: single(empty.rssMb) },
      { what: `memory of the process, ${count} sandboxes`, unit: 'MB', weft: single(filled.rssMb) },
      { what: 'memory of the process that stands by', unit: 'MB', weft: single(usageOf(standby).rssMb) },
      { what: 'of it not shared with the other', unit: 'MB', weft: single(usageOf(standby).ownMb) },
      { what: 'memory of the process after a restart', unit: 'MB', weft: single(usageOf(scene.pid).rssMb) },
      each('memory of the process', 'B', (filled.rssMb - empty.rssMb) * 1024 * 1024),
      each('descriptors of the process', 'fds', filled.descriptors - empty.descriptors),
      each('descriptors of weftd', 'fds', own.descriptors - ownBefore.descriptors),
      { what: `all ${count} sandboxes redirected`, unit: 'ms', weft: single(all) },
      {
        what: `killed until all ${count} are served again`,
        unit: 'ms',
        weft: spreadOf(kills.map(({ again }) => again)),
        target: { of: 'p50', atMost: RETRIES_MS },
      },
      {
        what: `longest wait of a query meanwhile, of ${RATE} a second`,
        unit: 'ms',
        weft: spreadOf(kills.map(({ longest }) => longest)),
        target: { of: 'p50', atMost: RETRIES_MS },
      },
      {
        what: 'queries answered wrong or not at all',
        unit: 'events',
        weft: single(wrong),
        target: { of: 'p50', atMost: 0 },
      },
    ];
  },
};

interface Kill {
  /** Milliseconds until all sandboxes are served again, and until the last query was answered. */
  readonly again: number;
  readonly longest: number;
  readonly wrong: number;
  readonly failed: number;
}

/** Kills the process under queries. */
async function kill(
  scene: ResolverScene,
  resolver: Resolver,
  asking: SceneSandbox,
  count: number,
): Promise<Kill> {
  const first = await scene.serving(resolver, count);
  const stream = startStream(asking, RATE, 'name0', '198.18.0.0');
  await sleep(1000);
  const killed = performance.now();
  process.kill(first, 'SIGKILL');
  await scene.serving(resolver, count, first);
  const again = performance.now() - killed;
  await sleep(500);
  return { again, ...(await stream.end()) };
}

function usageOf(pid: number): {
  readonly rssMb: number;
  /** What no other process has mapped. */
  readonly ownMb: number;
  readonly descriptors: number;
} {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}:\\s+(\\d+)`, 'gm'))].reduce((sum, [, kb]) => sum + Number(kb), 0) /
    1024;
  const [rssMb, ownMb] = [megabytes('Rss'), megabytes('Private_(?:Clean|Dirty)')];
  return { rssMb, ownMb, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

function manyNamespaces(count: number): Disposable & { readonly keys: readonly SandboxKey[] } {
  const names = Array.from({ length: count }, (_, index) => `weft-bench-${process.pid}-${index}`);
  const each = (command: string): void => {
    const script = `while read -r name; do ${command}; done`;
    execFileSync('sh', ['-e', '-c', script], { input: names.map((name) => `${name}\n`).join('') });
  };
  each('ip netns add "$name"; ip -n "$name" link set lo up </dev/null');
  return {
    keys: names.map((name) => `/run/netns/${name}` as SandboxKey),
    [Symbol.dispose]: () => each('ip netns delete "$name"'),
  };
}
