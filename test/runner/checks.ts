import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAMS } from '../support/programs.ts';
import { ROOT, run } from './command.ts';
import { type Count, show } from './count.ts';

const CHECK_LIMIT_MS = 600_000;
const UNIT_LIMIT_MS = 900_000;

/** Types, lint, dead code, unit tests. @param nice of each: `run` */
export async function checks(nice?: number): Promise<readonly Count[]> {
  return [
    await check('types', ['node_modules/.bin/tsc'], nice),
    await check('lint and format', ['node_modules/.bin/biome', 'check', '.'], nice),
    await check('dead code', ['node_modules/.bin/knip'], nice),
    await unit([], nice),
  ];
}

async function check(name: string, argv: readonly string[], nice?: number): Promise<Count> {
  const started = Date.now();
  const { code, output } = await run(argv, CHECK_LIMIT_MS, nice);
  show(name, code === 0, (Date.now() - started) / 1000, '');
  if (code !== 0) process.stdout.write(output);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Unit tests: these files, or all there are. */
export async function unit(files: readonly string[], nice?: number): Promise<Count> {
  const started = Date.now();
  const scratch = await mkdtemp(join(tmpdir(), 'weft-test-'));
  const report = join(scratch, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${report}`];
  const argv = ['node_modules/.bin/vitest', 'run', ...reporters, ...files];
  const { code, output } = await run(argv, UNIT_LIMIT_MS, nice);
  let count: Count = { passed: 0, failed: 1 };
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(
      await readFile(report, 'utf8'),
    );
    const failed = Math.max(numFailedTests, numFailedTestSuites, code === 0 ? 0 : 1);
    count = { passed: numPassedTests, failed };
  } catch {
    process.stdout.write('vitest left no report\n');
  }
  await rm(scratch, { recursive: true, force: true });
  show('unit tests', count.failed === 0, (Date.now() - started) / 1000, `${count.passed} passed `);
  if (count.failed > 0) process.stdout.write(output);
  return count;
}

/** Programs as a release has them, in a folder that .gitignore names. */
const BUILT = join(ROOT, '.tools/build/dist');

/** Builds the programs that system tests start, some thousand times: from sources that takes half of all the time. */
export async function build(): Promise<Count> {
  const folder = join(BUILT, '..');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const count = await check('build', [
    process.execPath,
    'scripts/bundle.ts',
    BUILT,
    PROGRAMS.weftdWithFaults,
  ]);
  process.env['WEFT_TEST_BUILD'] = BUILT;
  return count;
}
