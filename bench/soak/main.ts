/** Runs the soak and prints what came of it. Run by scripts/soak. Exit codes: 0 clean, 1 not, 2 wrong usage. */
import { parseArgs } from 'node:util';
import { ENGINES } from '../../test/lab/index.ts';
import { quantile } from '../harness/statistics.ts';
import { type SoakOptions, type SoakResult, soak } from './soak.ts';

/** Growth after the warm-up that a garbage-collected heap may show, MB. */
const MAX_GROWTH_MB = 25;

/** @throws {Error} with one line when an argument is wrong. */
function readArguments(): SoakOptions {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '600' },
      parallel: { type: 'string', default: '64' },
      engine: { type: 'string', default: ENGINES[0] },
    },
  });
  const engine = ENGINES.find((each) => each === values.engine);
  if (engine === undefined)
    throw new Error(`--engine is ${values.engine}: expected one of ${ENGINES.join(', ')}`);
  const [seconds = 0, parallel = 0] = [values.seconds, values.parallel].map(Number);
  if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}: expected a number above 0`);
  if (!(Number.isInteger(parallel) && parallel > 0 && parallel <= 512)) {
    throw new Error(`--parallel is ${values.parallel}: expected 1 to 512`);
  }
  const progress = (text: string) => process.stderr.write(`  ${text}\n`);
  return { engine, seconds, parallel, progress };
}

function summary(result: SoakResult): string {
  const { memory, times } = result;
  const list = (what: string, lines: readonly string[]) =>
    `${what}: ${lines.length}\n${lines
      .slice(0, 20)
      .map((line) => `    ${line}\n`)
      .join('')}`;
  return [
    `runs: ${result.runs}, ${result.runsPerSecond.toFixed(2)} a second\n`,
    `one run: p50 ${quantile(times, 0.5).toFixed(0)} ms, p99 ${quantile(times, 0.99).toFixed(0)} ms\n`,
    list('errors', result.errors),
    list('leaks on the host', result.leaks),
    `left in weft: ${result.endpoints} endpoints, ${result.ports} ports, ${result.leases} addresses\n`,
    list('errors and repairs in the log of weftd', result.complaints),
    `memory of weftd: ${memory.firstMb.toFixed(1)} MB after the warm-up, ${memory.lastMb.toFixed(1)} MB at the end, `,
    `${memory.slopeMbPerMinute.toFixed(2)} MB a minute\n`,
  ].join('');
}

function isClean(result: SoakResult): boolean {
  const { errors, leaks, endpoints, ports, leases, complaints, memory } = result;
  const left = errors.length + leaks.length + endpoints + ports + leases + complaints.length;
  return left === 0 && memory.growthMb <= MAX_GROWTH_MB;
}

async function main(): Promise<number> {
  let options: SoakOptions;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(`soak: ${error instanceof Error ? error.message : error}\n`);
    process.stderr.write(
      `usage: scripts/soak [--seconds N] [--parallel N] [--engine ${ENGINES.join('|')}]\n`,
    );
    return 2;
  }
  const result = await soak(options);
  const clean = isClean(result);
  process.stdout.write(`${summary(result)}${clean ? 'clean' : 'NOT CLEAN'}\n`);
  return clean ? 0 : 1;
}

process.exitCode = await main();
