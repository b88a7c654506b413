import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PROGRAMS } from './support/programs.ts';
import { tapFailures } from './support/tap-failures.ts';
import { VM_BOOTS, type VmBoot } from './vm/taps.ts';

/*
 * Runs checks, unit tests and system tests, shows what failed, and closes with one line that counts.
 * A check counts as one test; so does each subtest at the top level of a tap file.
 */

const ROOT = resolve(import.meta.dirname, '..');
const CHECK_LIMIT_MS = 600_000;
const FILE_LIMIT_MS = 900_000;
const VM_LIMIT_S = 600;
/** First argument of this program when it runs in the microVM. */
const IN_VM = 'in-vm';
/** System test files that run side by side: each has hosts and namespaces of its own, and waits half of its time. */
const JOBS = Number(process.env['WEFT_TEST_JOBS'] ?? 2 * availableParallelism());

interface Count {
  readonly passed: number;
  readonly failed: number;
}

interface Ran {
  readonly code: number;
  readonly output: string;
}

function run(argv: readonly string[], limitMs: number): Promise<Ran> {
  return new Promise((done) => {
    const [command = '', ...args] = argv;
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const chunks: Buffer[] = [];
    const stop = setTimeout(() => {
      chunks.push(Buffer.from(`\nnot ok - stopped after ${limitMs / 1000} s\n`));
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', (code) => {
      clearTimeout(stop);
      done({ code: code ?? 1, output: Buffer.concat(chunks).toString() });
    });
  });
}

function show(name: string, ok: boolean, seconds: number, detail: string): void {
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name} ${detail}(${seconds.toFixed(1)} s)\n`);
}

async function check(name: string, argv: readonly string[]): Promise<Count> {
  const started = Date.now();
  const { code, output } = await run(argv, CHECK_LIMIT_MS);
  show(name, code === 0, (Date.now() - started) / 1000, '');
  if (code !== 0) process.stdout.write(output);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function unit(files: readonly string[]): Promise<Count> {
  const started = Date.now();
  const scratch = await mkdtemp(join(tmpdir(), 'weft-test-'));
  const report = join(scratch, 'report.json');
  const argv = [
    'node_modules/.bin/vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  ];
  const { code, output } = await run([...argv, ...files], FILE_LIMIT_MS);
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

interface SystemCount extends Count {
  readonly briefly: readonly string[];
}

async function system(file: string): Promise<SystemCount> {
  const started = Date.now();
  const { code, output } = await run([process.execPath, file], FILE_LIMIT_MS);
  const passed = output.match(/^ok\b/gm)?.length ?? 0;
  const failures = output.match(/^not ok\b/gm)?.length ?? 0;
  const failed = failures === 0 && (code !== 0 || passed === 0) ? 1 : failures;
  show(file, failed === 0, (Date.now() - started) / 1000, `${passed} passed `);
  if (failed > 0) process.stdout.write(output.split('\n').slice(-400).join('\n'));
  return { passed, failed, briefly: tapFailures(output) };
}

/** What these assert is how long something takes at the most, a quarter of a second in some: they run alone. */
function isTimed(file: string): boolean {
  return /(naming|overlay)\/faults-(hosts|processes)|resolver\/(faults|forwarding)|lan\/dhcp-docker/.test(
    file,
  );
}

/** Several at a time, in the order given, and those that are timed after them. */
async function systems(files: readonly string[]): Promise<readonly Count[]> {
  const counts: SystemCount[] = [];
  const waiting = files.filter((file) => !isTimed(file));
  const alone = files.filter(isTimed);
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const count = await system(file);
      if (count.failed === 0) counts.push(count);
      else alone.push(file);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));
  // Deadlines of two seconds can be missed beside another file; alone they must hold. The first failure stays shown.
  const last: SystemCount[] = [];
  for (const file of alone) last.push(await system(file));
  for (const [at, { failed, briefly }] of last.entries()) {
    if (failed > 0) process.stdout.write(`\nfailed alone: ${alone[at]}\n${briefly.join('\n')}\n`);
  }
  return [...counts, ...last];
}

/** In microVMs with Debian's kernel. An emulated machine dies now and then by itself: each gets a second one. */
async function inMicroVms(boots: readonly VmBoot[]): Promise<readonly Count[]> {
  const counts: Count[] = [];
  for (const boot of boots) {
    const count = await inMicroVm(boot);
    counts.push(count.failed === 0 ? count : await inMicroVm(boot));
  }
  return counts;
}

/** All files in one boot; this program runs and counts them there. */
async function inMicroVm({ files, jobs }: VmBoot): Promise<Count> {
  if (process.arch !== 'x64') {
    process.stdout.write(`no microVM on ${process.arch}: not run there: ${files.join(' ')}\n`);
    return { passed: 0, failed: 0 };
  }
  const started = Date.now();
  const vm = [process.execPath, 'test/vm/main.ts', '--time', String(VM_LIMIT_S)];
  const argv = [...vm, 'env', `WEFT_TEST_JOBS=${jobs}`, process.execPath, 'test/run.ts', IN_VM, ...files];
  const { code, output } = await run(argv, (VM_LIMIT_S + 60) * 1000);
  const closing = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  const passed = Number(closing?.[1] ?? 0);
  const failed = Math.max(Number(closing?.[2] ?? 0), code === 0 && passed > 0 ? 0 : 1);
  const said = failed > 0 ? output : (output.match(/^ok .*\n/gm) ?? []).join('');
  process.stdout.write(said.replace(/^/gm, '  ').trimEnd().concat('\n'));
  show('microVM', failed === 0, (Date.now() - started) / 1000, `${passed} passed `);
  return { passed, failed };
}

function tapFiles(): readonly string[] {
  const files = readdirSync(join(ROOT, 'test/system'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.tap.ts'))
    .map((name) => join('test/system', name))
    .sort((a, b) => Number(isLong(b)) - Number(isLong(a)) || (a < b ? -1 : 1));
}

/** What takes minutes goes first, so that nothing long is left for the end. */
function isLong(file: string): boolean {
  return /crash-points|random-walk/.test(file);
}

/** Just these files; those of the microVM in a microVM. */
async function named(files: readonly string[]): Promise<readonly Count[]> {
  const taps = files.filter((file) => file.endsWith('.tap.ts'));
  const forVm = taps.filter((file) => file.startsWith('test/vm/'));
  const others = files.filter((file) => !file.endsWith('.tap.ts'));
  return [
    ...(others.length > 0 ? [await unit(others)] : []),
    ...(await systems(taps.filter((file) => !forVm.includes(file)))),
    ...(forVm.length > 0 ? [await inMicroVm({ files: forVm, jobs: 1 })] : []),
  ];
}

/** Programs as a release has them, in a folder that .gitignore names. */
const BUILT = join(ROOT, '.tools/build/dist');

/** Some thousand programs are started: from sources that takes half of all the time. */
async function build(): Promise<Count> {
  const folder = join(BUILT, '..');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'));
  return check('build', [process.execPath, 'scripts/bundle.ts', BUILT, PROGRAMS.weftdWithFaults]);
}

async function checks(): Promise<readonly Count[]> {
  return [
    await check('types', ['node_modules/.bin/tsc']),
    await check('lint and format', ['node_modules/.bin/biome', 'check', '.']),
    await check('dead code', ['node_modules/.bin/knip']),
    await unit([]),
  ];
}

async function main(args: readonly string[]): Promise<number> {
  const what = args[0] ?? 'all';
  const counts: Count[] = [];
  if (what === 'all' || what === 'unit') counts.push(...(await checks()));
  if (what !== 'unit' && what !== IN_VM) counts.push(await build());
  process.env['WEFT_TEST_BUILD'] = BUILT;
  process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, '.tools/compile-cache');
  if (what === 'all' || what === 'system') counts.push(...(await systems(tapFiles())));
  if (what === 'all' || what === 'system' || what === 'vm') counts.push(...(await inMicroVms(VM_BOOTS)));
  if (what === IN_VM) counts.push(...(await systems(args.slice(1))));
  if (!['all', 'unit', 'system', 'vm', IN_VM].includes(what)) counts.push(...(await named(args)));
  const passed = counts.reduce((sum, each) => sum + each.passed, 0);
  const failed = counts.reduce((sum, each) => sum + each.failed, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
