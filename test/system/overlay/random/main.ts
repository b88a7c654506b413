/** Runs a random walk and prints what came of it. Run by scripts/random-walk. Exit codes: 0 fine, 1 not, 2 usage. */
import { parseArgs } from 'node:util';
import { ENGINES } from '../../../lab/index.ts';
import { type WalkOptions, type WalkResult, walk } from './walk.ts';

const USAGE =
  'usage: scripts/random-walk [--seed N] [--steps N] [--hosts N] [--quiet-every N] [--engine SERIES]';

/** @throws {Error} with one line when an argument is wrong. */
function readArguments(): WalkOptions {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      steps: { type: 'string', default: '2000' },
      hosts: { type: 'string', default: '5' },
      'quiet-every': { type: 'string', default: '40' },
      engine: { type: 'string' },
    },
  });
  const { engine } = values;
  const series = ENGINES.find((each) => each === engine);
  if (engine !== undefined && series === undefined)
    throw new Error(`--engine is ${engine}: expected one of ${ENGINES.join(', ')}`);
  return {
    seed: wholeNumber('seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    steps: wholeNumber('steps', values.steps, 1, 1_000_000),
    hosts: wholeNumber('hosts', values.hosts, 3, 20),
    quietEvery: wholeNumber('quiet-every', values['quiet-every'], 1, 1_000_000),
    engine: series ?? ENGINES,
    progress: (line) => process.stderr.write(`  ${line}\n`),
  };
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`--${name} is ${text}: expected a whole number from ${min} to ${max}`);
  return value;
}

function summary({ seed, steps, hosts, quietEvery, engine }: WalkOptions, result: WalkResult): string {
  const { kinds, quietPoints, settleMs, failures } = result;
  const engineArgument = typeof engine === 'string' ? ` --engine ${engine}` : '';
  const replay = `scripts/random-walk --seed ${seed} --steps ${steps} --hosts ${hosts} --quiet-every ${quietEvery}${engineArgument}`;
  const slowest = Math.round(Math.max(0, ...settleMs) / 100) / 10;
  return [
    `seed ${seed}, ${steps} steps on ${hosts} hosts`,
    ...[...kinds]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([kind, { done, refused }]) => `  ${kind}: ${done} done${refused > 0 ? `, ${refused} refused` : ''}`,
      ),
    `quiet points at which every invariant held: ${quietPoints}, the slowest after ${slowest} s`,
    ...failures.flatMap(({ at, during, lines, logs }) => [
      `WRONG at step ${at}, ${during}:`,
      ...lines.map((line) => `    ${line}`),
      `  replay: ${replay.replace(`--steps ${steps}`, `--steps ${at}`)}`,
      ...logs.map((line) => `    | ${line}`),
    ]),
    failures.length === 0 ? 'every invariant held' : `${failures.length} WRONG`,
    '',
  ].join('\n');
}

async function main(): Promise<number> {
  let options: WalkOptions;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(`random-walk: ${error instanceof Error ? error.message : error}\n${USAGE}\n`);
    return 2;
  }
  process.stdout.write(`seed ${options.seed}\n`);
  const result = await walk(options);
  process.stdout.write(summary(options, result));
  return result.failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
