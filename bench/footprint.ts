import { setTimeout as delay } from 'node:timers/promises';
import { BareWeftd } from './harness/bare-weftd.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import { EngineSide } from './harness/engine-side.ts';
import { type Figure, single } from './harness/figure.ts';
import { Population } from './harness/populate.ts';
import { spreadOf } from './harness/statistics.ts';

const SETTLE_MS = 5000;
const FIRST_PORT = 20_000;

/** What weftd itself costs the host. */
export const footprint: Bench = {
  name: 'footprint',
  title: 'weftd: start with endpoints in store and kernel, memory, processor time when nothing happens',
  async run(options) {
    const count = options.quick ? 100 : 1000;
    const idleMs = options.quick ? 5000 : 20_000;
    await using weftd = await BareWeftd.boot();
    await delay(SETTLE_MS);
    const empty = weftd.usage().rssMb;
    const emptyStarts = await starts(weftd, roundsOf(options, 5, 2));
    await fill(weftd, count, options.progress);
    await delay(SETTLE_MS);
    const filled = weftd.usage().rssMb;
    const fullStarts = await starts(weftd, roundsOf(options, 5, 2));
    await delay(SETTLE_MS);
    const restarted = weftd.usage();
    await delay(idleMs);
    const idle = ((weftd.usage().cpuSeconds - restarted.cpuSeconds) * 100_000) / idleMs;
    return [
      { what: 'start, nothing there', unit: 's', weft: spreadOf(emptyStarts) },
      {
        what: `start, ${count} endpoints`,
        unit: 's',
        weft: spreadOf(fullStarts),
        target: { of: 'p50', atMost: 1.5 },
      },
      memory('memory, nothing there', empty),
      memory(`memory, ${count} endpoints made`, filled),
      memory(`memory, ${count} endpoints after a start`, restarted.rssMb),
      {
        what: `processor, idle for ${idleMs / 1000} s with ${count} endpoints`,
        unit: '%',
        weft: single(idle),
        target: { of: 'p50', atMost: 0.5 },
      },
    ];
  },
};

function memory(what: string, rssMb: number): Figure {
  return { what, unit: 'MB', weft: single(rssMb), target: { of: 'p50', atMost: 120 } };
}

async function starts(weftd: BareWeftd, rounds: number): Promise<readonly number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) seconds.push(await weftd.restart());
  return seconds;
}

async function fill(weftd: BareWeftd, count: number, progress: (text: string) => void): Promise<void> {
  await using side = new EngineSide(weftd);
  const population = new Population(weftd, side, progress);
  const networkId = await side.createNetwork('10.200.0.0/16');
  await population.growTo(count, networkId, (number) => [FIRST_PORT + number]);
}
