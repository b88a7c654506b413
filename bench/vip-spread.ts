import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, roundsOf } from './harness/bench.ts';
import { type Figure, single } from './harness/figure.ts';
import { spreadOf } from './harness/statistics.ts';
import { VipSandboxes } from './harness/vip-sandboxes.ts';

/** Counting anew and forgetting what is left behind follow a change; the next one is measured by itself. */
const REST_MS = 150;
const SLOWEST_MS = 50;

/** How soon a change of backends is in every sandbox of a host. */
export const vipSpread: Bench = {
  name: 'vip-spread',
  title: 'virtual IPs: from a change of a service until the last sandbox of the host has it',
  async run(options) {
    const [sandboxes, services] = options.quick ? [50, 20] : [500, 100];
    await using host = VipSandboxes.make(sandboxes);
    options.progress(`${sandboxes} sandboxes, ${services} services`);
    const begun = await host.begin(services);
    const replaced: number[] = [];
    const gone: number[] = [];
    const come: number[] = [];
    const loop = monitorEventLoopDelay({ resolution: 1 });
    const changed = async (n: number, backends: readonly number[]): Promise<number> => {
      await delay(REST_MS);
      const start = performance.now();
      host.serve(n, backends);
      await host.everywhere();
      return performance.now() - start;
    };
    for (let round = 0; round < roundsOf(options, 200, 20); round++) {
      if (round === 5) loop.enable();
      const n = 1 + (round % services);
      replaced.push(await changed(n, [1, 2, 4 + round]));
      gone.push(await changed(n, [1, 2]));
      come.push(await changed(n, [1, 2, 3]));
      if (round % 50 === 0 && host.ringIn(n).split(' ').length !== 3) throw new Error('not in the kernel');
    }
    loop.disable();
    const of = `${sandboxes} sandboxes × ${services} services`;
    return [
      change(`${of}: a backend is replaced`, replaced),
      change(`${of}: a backend goes`, gone),
      change(`${of}: a backend comes`, come),
      {
        what: `${of}: longest stay of the event loop meanwhile`,
        unit: 'ms',
        weft: { p50: loop.percentile(50) / 1e6, p99: loop.percentile(99) / 1e6, count: loop.count },
      },
      { what: `${of}: all tables made, each`, unit: 'ms', weft: single(begun / sandboxes) },
    ];
  },
};

function change(what: string, measured: readonly number[]): Figure {
  return { what, unit: 'ms', weft: spreadOf(measured), target: { of: 'p99', atMost: SLOWEST_MS } };
}
