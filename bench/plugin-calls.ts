import { setTimeout as delay } from 'node:timers/promises';
import { BareWeftd } from './harness/bare-weftd.ts';
import { type Bench, type BenchOptions, roundsOf } from './harness/bench.ts';
import { EngineSide } from './harness/engine-side.ts';
import type { Figure, Target } from './harness/figure.ts';
import { Population } from './harness/populate.ts';
import { spreadOf } from './harness/statistics.ts';

/** Longer than weftd takes to delete the links of the round before. */
const PAUSE_MS = 100;
const FIRST_PORT = 20_000;
const MEASURED_PORT = 15_000;

const METHODS = [
  ...['RequestAddress', 'CreateEndpoint', 'Join', 'ProgramExternalConnectivity'],
  ...[
    'RevokeExternalConnectivity',
    'Leave',
    'DeleteEndpoint',
    'ReleaseAddress',
    'CreateNetwork',
    'DeleteNetwork',
  ],
];

type Times = ReadonlyMap<string, readonly number[]>;

/**
 * Endpoints on one network. Joining a bridge costs the kernel time for each port it has already, whoever asks
 * (docs/performance.md), so many endpoints are spread as a host has them: over several networks.
 */
const ON_ONE_NETWORK = 100;

/** What an engine waits for a call, with few and many endpoints there, with one published port each. */
export const pluginCalls: Bench = {
  name: 'calls',
  title: 'time of each plugin call at the caller, by the number of endpoints that exist',
  other: 'with 10',
  async run(options) {
    await using weftd = await BareWeftd.boot();
    await using side = new EngineSide(weftd);
    const population = new Population(weftd, side, options.progress);
    const networkId = await side.createNetwork('10.200.0.0/16');
    const networks = [networkId];
    const counts = options.quick ? [10, 100] : [10, 100, 1000];
    const figures: Figure[] = [];
    let few: Times | undefined;
    for (const count of counts) {
      for (let there = 0; there < count; there += ON_ONE_NETWORK) {
        const index = there / ON_ONE_NETWORK;
        networks[index] ??= await side.createNetwork(`10.${202 + index}.0.0/16`);
        const upTo = Math.min(count, there + ON_ONE_NETWORK);
        await population.growTo(upTo, networks[index], (number) => [FIRST_PORT + number]);
      }
      options.progress(`measuring with ${count} endpoints`);
      const logged = weftd.logs.length;
      const quiet = await measure(side, networkId, options, PAUSE_MS);
      few ??= quiet;
      figures.push(...joinByLog(count, weftd.logs.slice(logged)));
      figures.push(...figuresOf(`${count} endpoints`, quiet, count === counts[0] ? undefined : few));
      const busy = await measure(side, networkId, options, 0);
      figures.push(...figuresOf(`${count} endpoints, no pause`, busy, undefined, ['Join', 'DeleteEndpoint']));
    }
    return figures;
  },
};

async function measure(
  side: EngineSide,
  networkId: string,
  options: BenchOptions,
  pauseMs: number,
): Promise<Times> {
  const rounds = roundsOf(options, 200, 30);
  side.times.clear();
  for (let round = 0; round < rounds; round++) {
    if (round === 5) side.times.clear(); // what came before was for the compiler
    const endpoint = await side.join(networkId, [MEASURED_PORT]);
    await side.program(endpoint);
    await delay(pauseMs / 2);
    await side.revoke(endpoint);
    await side.remove(endpoint);
    await delay(pauseMs / 2);
    if (round % 4 === 0) {
      await side.deleteNetwork(await side.createNetwork('10.201.0.0/24'));
      await delay(pauseMs);
    }
  }
  return new Map([...side.times].map(([method, values]) => [method, [...values]]));
}

function figuresOf(
  kind: string,
  times: Times,
  few: Times | undefined,
  methods: readonly string[] = METHODS,
): readonly Figure[] {
  const isQuiet = methods === METHODS;
  return methods.flatMap((method): readonly Figure[] => {
    const values = times.get(method);
    if (values === undefined) throw new Error(`no call of ${method} was measured`);
    const weft = spreadOf(values);
    const base = few?.get(method);
    const figure: Figure = { what: `${kind}: ${method}`, unit: 'ms', weft };
    const flat = base === undefined ? figure : { ...figure, other: spreadOf(base) };
    if (method !== 'Join' || !isQuiet) return [flat];
    if (base === undefined) return [figure];
    const ratio: Target = { of: 'ratio', atMost: 1.2, noise: 0.1 };
    return [figure, { ...flat, what: `${kind}: Join beside 10 endpoints`, target: ratio }];
  });
}

/** Join as weftd itself measures it: the time inside the plugin. */
function joinByLog(count: number, lines: readonly string[]): readonly Figure[] {
  const times = lines.flatMap((line): readonly number[] => {
    const { method, ms } = JSON.parse(line) as { readonly method?: string; readonly ms?: number };
    return method === 'NetworkDriver.Join' && ms !== undefined ? [ms] : [];
  });
  const weft = spreadOf(times);
  return [
    { what: `${count} endpoints: Join, inside the plugin`, unit: 'ms', weft, target: within('p50', 2) },
    { what: `${count} endpoints: Join inside, slowest`, unit: 'ms', weft, target: within('p99', 5) },
  ];
}

function within(of: 'p50' | 'p99', atMost: number): Target {
  return { of, atMost };
}
