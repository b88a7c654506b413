/**
 * Measures weft beside Docker's built-in drivers, in one run, and says which targets are met. Run by scripts/bench.
 * Exit codes: 0 every target met, 1 some are short, 2 wrong usage.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ENGINES } from '../test/lab/index.ts';
import { containerLifecycle } from './container-lifecycle.ts';
import { dns } from './dns.ts';
import { footprint } from './footprint.ts';
import type { Bench, BenchOptions } from './harness/bench.ts';
import { type JudgedFigure, judge } from './harness/figure.ts';
import { figureTable } from './harness/table.ts';
import { macvlan } from './macvlan.ts';
import { macvlanVlans } from './macvlan-vlans.ts';
import { namesFootprint } from './names-footprint.ts';
import { namesReach } from './names-reach.ts';
import { networkLifecycle } from './network-lifecycle.ts';
import { overlayLifecycle } from './overlay-lifecycle.ts';
import { overlayReach } from './overlay-reach.ts';
import { overlayScale } from './overlay-scale.ts';
import { overlayThroughput } from './overlay-throughput.ts';
import { pluginCalls } from './plugin-calls.ts';
import { publishedPorts } from './published-ports.ts';
import { throughput } from './throughput.ts';
import { vipIpvs } from './vip-ipvs.ts';
import { vipSpread } from './vip-spread.ts';
import { vipTraffic } from './vip-traffic.ts';

const BENCHES: readonly Bench[] = [
  networkLifecycle,
  containerLifecycle,
  pluginCalls,
  publishedPorts,
  throughput,
  footprint,
  overlayLifecycle,
  overlayReach,
  overlayThroughput,
  overlayScale,
  macvlan,
  macvlanVlans,
  dns,
  namesReach,
  namesFootprint,
  vipSpread,
  vipTraffic,
  vipIpvs,
];

const USAGE = `usage: scripts/bench [NAME…] [--engine ${ENGINES.join('|')}] [--rounds N] [--quick] [--json FILE]
names: ${BENCHES.map(({ name }) => name).join(' ')} (if none is given all but those that need another kernel)
`;

interface Result {
  readonly bench: string;
  readonly title: string;
  readonly figures: readonly JudgedFigure[];
}

interface Request {
  readonly benches: readonly Bench[];
  readonly options: BenchOptions;
  readonly json: string | undefined;
}

/** @throws {Error} with one line when an argument is wrong. */
function readArguments(): Request {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string', default: ENGINES[0] },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const engine = ENGINES.find((each) => each === values.engine);
  if (engine === undefined)
    throw new Error(`--engine is ${values.engine}: expected one of ${ENGINES.join(', ')}`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    throw new Error(`--rounds is ${values.rounds}: expected a number from 1`);
  }
  const unknown = positionals.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown !== undefined) throw new Error(`there is no bench ${unknown}`);
  const progress = (text: string) => process.stderr.write(`  ${text}\n`);
  return {
    benches: BENCHES.filter(({ name, needsKernel }) =>
      positionals.length === 0 ? needsKernel === undefined : positionals.includes(name),
    ),
    options: { engine, quick: values.quick, progress, ...(rounds === undefined ? {} : { rounds }) },
    json: values.json,
  };
}

async function measure({ benches, options }: Request): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const bench of benches) {
    process.stdout.write(`${bench.name}: ${bench.title}\n`);
    const figures = (await bench.run(options)).map(judge);
    process.stdout.write(`${figureTable(figures, bench.other ?? 'built-in')}\n`);
    results.push({ bench: bench.name, title: bench.title, figures });
  }
  return results;
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  let request: Request;
  try {
    request = readArguments();
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  const { engine, quick } = request.options;
  process.stdout.write(`Docker Engine ${engine}${quick ? ', quick: not for figures to quote' : ''}\n\n`);
  const results = await measure(request);
  const verdicts = results.flatMap(({ figures }) => figures.flatMap(({ verdict }) => verdict ?? []));
  const met = verdicts.filter((verdict) => verdict === 'pass').length;
  process.stdout.write(`${met} of ${verdicts.length} targets met\n`);
  if (request.json !== undefined) {
    await writeFile(request.json, `${JSON.stringify({ engine, quick, results }, null, 2)}\n`);
  }
  return met === verdicts.length ? 0 : 1;
}

process.exitCode = await main();
