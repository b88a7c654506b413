import { setTimeout as delay } from 'node:timers/promises';
import type { EngineSeries, Host } from '../../test/lab/index.ts';
import { until } from '../../test/lab/index.ts';
import { residentMb } from '../harness/resident-mb.ts';
import { bootWeftHost } from '../harness/weft-host.ts';
import { type MemoryTrend, memoryTrend } from './memory-trend.ts';
import { type Run, runLoop } from './run-loop.ts';

/** How long and how hard. */
export interface SoakOptions {
  readonly engine: EngineSeries;
  readonly seconds: number;
  /** `docker run` loops at the same time. */
  readonly parallel: number;
  /** Told what is going on, every ten seconds or so. */
  readonly progress: (text: string) => void;
}

/** What happened, and what was left when every container was gone. */
export interface SoakResult {
  readonly runs: number;
  readonly runsPerSecond: number;
  /** Milliseconds from create to removed, every run. */
  readonly times: readonly number[];
  /** What failed, one text a failure. */
  readonly errors: readonly string[];
  /** Links, rules, mounts and processes that were not there before. */
  readonly leaks: readonly string[];
  /** Endpoints weft still knows. */
  readonly endpoints: number;
  /** Host ports weft still publishes. */
  readonly ports: number;
  /** Addresses in use less those in use before. */
  readonly leases: number;
  /** What weftd logged as an error, and what it had to repair. */
  readonly complaints: readonly string[];
  readonly memory: MemoryTrend;
  /** Memory of weftd in MB when nothing has happened for a while, or as soon as it is back where the load began. */
  readonly restMb: number;
}

const NETWORKS = [0, 1, 2, 3].map((number) => ({
  name: `soak${number}`,
  driver: 'weft-bridge',
  ipamDriver: 'weft',
  subnets: [{ subnet: `10.210.${16 * number}.0/20`, gateway: `10.210.${16 * number}.1` }],
}));
/** The first port that is asked for by number; each loop has one of its own. */
const FIRST_PORT = 21_000;
const SAMPLE_MS = 500;

/** Runs and removes containers in parallel on several weft networks, with no port, a chosen and a fixed one in turn. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  await using boot = await bootWeftHost(options.engine);
  const { host, weftd } = boot;
  for (const network of NETWORKS) await host.docker.createNetwork(network);
  const runs: Run[] = [];
  // What Docker and weft keep from their first container on is no leak.
  await loops(host, { ...options, seconds: 0 }, []);
  const before = await standing(host);
  const rss: { readonly at: number; readonly mb: number }[] = [];
  const started = performance.now();
  const sampling = new AbortController();
  const sampled = sample(weftd.pid, sampling.signal, (mb) =>
    rss.push({ at: (performance.now() - started) / 1000, mb }),
  );
  const reporting = setInterval(() => {
    options.progress(`${runs.length} runs, weftd ${rss.at(-1)?.mb.toFixed(0)} MB`);
  }, 10_000);
  await loops(host, options, runs);
  const seconds = (performance.now() - started) / 1000;
  clearInterval(reporting);
  sampling.abort();
  await sampled;
  const after = await settled(host, before);
  const memory = memoryTrend(rss);
  return {
    runs: runs.length,
    runsPerSecond: runs.length / seconds,
    times: runs.map(({ ms }) => ms),
    errors: runs.flatMap(({ error }) => error ?? []),
    leaks: after.things.filter((thing) => !before.things.includes(thing)),
    endpoints: after.endpoints,
    ports: after.ports,
    leases: after.leases - before.leases,
    complaints: weftd.logs.filter(isComplaint),
    memory,
    restMb: await atRest(weftd.pid, memory.firstMb),
  };
}

async function loops(host: Host, { seconds, parallel }: SoakOptions, runs: Run[]): Promise<void> {
  const until = performance.now() + seconds * 1000;
  const loop = async (number: number): Promise<void> => {
    const network = NETWORKS[number % NETWORKS.length];
    const ports = [[], [':80'], [`${FIRST_PORT + number}:80`], ['80/udp'].map((port) => `:${port}`)][
      (number >> 2) % 4
    ];
    const spec = {
      name: `soak-${number}`,
      network: network?.name ?? '',
      ports: ports ?? [],
      cmd: ['ping', '-c', '1', '-W', '10', network?.subnets[0]?.gateway ?? ''],
    };
    await runLoop(host.path('/run/docker.sock'), spec, until, (run) => runs.push(run));
  };
  await Promise.all(Array.from({ length: parallel }, (_, number) => loop(number)));
}

interface Standing {
  readonly things: readonly string[];
  readonly endpoints: number;
  readonly ports: number;
  readonly leases: number;
}

async function standing(host: Host): Promise<Standing> {
  const list = async <T>(...args: string[]): Promise<readonly T[]> => {
    const { code, stdout, stderr } = await host.weft([...args, '--json']);
    if (code !== 0) throw new Error(`weft ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout) as T[];
  };
  const pools = await list<{ readonly used: number }>('ipam', 'ls');
  return {
    things: await host.leaks(),
    endpoints: (await list('endpoint', 'ls')).length,
    ports: (await list('port', 'ls')).length,
    leases: pools.reduce((sum, { used }) => sum + used, 0),
  };
}

/** What stands when the last links have been deleted: the same as before, or what is left after a while. */
async function settled(host: Host, before: Standing): Promise<Standing> {
  let last = await standing(host);
  const same = () => JSON.stringify(last) === JSON.stringify(before);
  const again = async () => {
    if (same()) return true;
    last = await standing(host);
    return same();
  };
  await until('the host is as before', again, { intervalMs: 500, timeoutMs: 60_000 }).catch(() => undefined);
  return last;
}

/** weftd looks every five seconds whether it has memory to give back. */
async function atRest(pid: number, enoughMb: number): Promise<number> {
  const isBack = () => residentMb(pid) <= enoughMb;
  await until('the memory is given back', isBack, { intervalMs: 500, timeoutMs: 20_000 }).catch(
    () => undefined,
  );
  return residentMb(pid);
}

async function sample(pid: number, signal: AbortSignal, take: (mb: number) => void): Promise<void> {
  while (!signal.aborted) {
    take(residentMb(pid));
    await delay(SAMPLE_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** An error, or a repair of something that stood already: what a start makes counts as repaired too. */
function isComplaint(line: string): boolean {
  const { level, msg, cause } = JSON.parse(line) as {
    readonly level: number;
    readonly msg: string;
    readonly cause?: string;
  };
  return level >= 50 || (msg === 'drift repaired' && cause !== 'start');
}
