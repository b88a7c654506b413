import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, type BenchOptions, roundsOf } from './harness/bench.ts';
import { type Figure, single } from './harness/figure.ts';
import { ScaleCluster } from './harness/scale-cluster.ts';
import { spreadOf } from './harness/statistics.ts';

/** Other hosts, and endpoints on each. The last is 200 hosts, this one among them. */
const SIZES = [
  [50, 10],
  [50, 50],
  [50, 100],
  [100, 100],
  [199, 100],
] as const;
const QUICK_SIZES = [
  [10, 10],
  [20, 20],
] as const;
const SETTLE_MS = 5000;
/** By then the copy of the shared store is on disk, and what the start left behind is collected. */
const AT_REST_MS = 15_000;

/** What one host has to do as the cluster grows. The other hosts are records in a real etcd. */
export const overlayScale: Bench = {
  name: 'overlay-scale',
  title: 'one host of a large cluster: store, planner and kernel of that host are real, the others simulated',
  async run(options) {
    await using cluster = await ScaleCluster.open();
    const figures: Figure[] = [];
    for (const [hosts, endpoints] of options.quick ? QUICK_SIZES : SIZES) {
      options.progress(`${hosts} hosts with ${endpoints} endpoints each`);
      await cluster.growTo(hosts, endpoints);
      figures.push(...(await measure(cluster, `${hosts + 1} × ${endpoints}: `, options)));
    }
    return figures;
  },
};

async function measure(
  cluster: ScaleCluster,
  size: string,
  options: BenchOptions,
): Promise<readonly Figure[]> {
  await delay(SETTLE_MS);
  const joins = await cluster.remoteJoins(roundsOf(options, 100, 20));
  const cost = await cluster.joinCost(20);
  const starts = [];
  for (let round = 0; round < roundsOf(options, 3, 1); round++) starts.push(await cluster.coldStart());
  await delay(AT_REST_MS);
  const { rssMb } = cluster.weftd.usage();
  return [
    {
      what: `${size}cold start, until the kernel has all`,
      unit: 's',
      weft: spreadOf(starts.map(({ complete }) => complete)),
      target: { of: 'p50', atMost: 3 },
    },
    { what: `${size}  until it answers`, unit: 's', weft: spreadOf(starts.map(({ ready }) => ready)) },
    {
      what: `${size}a join's commit, until the kernel here has it`,
      unit: 'ms',
      weft: spreadOf(joins),
      target: { of: 'p99', atMost: 20 },
    },
    { what: `${size}a join: watch events`, unit: 'events', weft: single(cost.events) },
    { what: `${size}a join: keys and values`, unit: 'B', weft: single(cost.storedBytes) },
    { what: `${size}a join: to each watching host`, unit: 'B', weft: single(cost.wireBytes) },
    {
      what: `${size}memory`,
      unit: 'MB',
      weft: single(rssMb),
      target: { of: 'p50', atMost: 250 },
    },
  ];
}
