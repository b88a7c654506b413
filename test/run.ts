import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { build, checks, unit } from './runner/checks.ts';
import { ROOT } from './runner/command.ts';
import { type Count, sum } from './runner/count.ts';
import { IN_VM, inMicroVms } from './runner/micro-vm.ts';
import { SystemFiles, tapFiles } from './runner/system-files.ts';

/*
 * Runs checks, unit tests and system tests, shows what failed, and closes with one line that counts.
 */

/** System test files that run side by side: each has hosts and namespaces of its own, and waits most of its time. */
const JOBS = Number(process.env['WEFT_TEST_JOBS'] ?? 3 * availableParallelism());

/**
 * All there is. What is timed begins, and leaves the processors idle for half of that time; the microVM and the unit
 * tests share no kernel objects with it, so they get that half.
 */
async function all(andChecks: boolean): Promise<readonly Count[]> {
  const files = new SystemFiles(tapFiles());
  const aside = Promise.all([inMicroVms('whenIdle'), andChecks ? checks('whenIdle') : []]);
  await files.runTimed();
  await files.runOthers(JOBS);
  const counts = (await aside).flat();
  return [...counts, ...(await files.close())];
}

async function only(files: readonly string[]): Promise<readonly Count[]> {
  const taps = new SystemFiles(files);
  await taps.runOthers(JOBS);
  await taps.runTimed();
  return taps.close();
}

/** Just these files; those of the microVM in a microVM. */
async function named(files: readonly string[]): Promise<readonly Count[]> {
  const taps = files.filter((file) => file.endsWith('.tap.ts'));
  const forVm = taps.filter((file) => file.startsWith('test/vm/'));
  const others = files.filter((file) => !file.endsWith('.tap.ts'));
  return [
    ...(others.length > 0 ? [await unit(others)] : []),
    ...(await only(taps.filter((file) => !forVm.includes(file)))),
    ...(forVm.length > 0 ? await inMicroVms('normal', [{ files: forVm, jobs: 1 }]) : []),
  ];
}

async function run(what: string, args: readonly string[]): Promise<readonly Count[]> {
  if (what === 'unit') return checks();
  process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, '.tools/compile-cache');
  // The microVM has this machine's build: its own would take a minute.
  if (what === IN_VM) return only(args);
  const built = await build();
  switch (what) {
    case 'all':
    case 'system':
      return [built, ...(await all(what === 'all'))];
    case 'vm':
      return [built, ...(await inMicroVms())];
    default:
      return [built, ...(await named([what, ...args]))];
  }
}

const [what = 'all', ...args] = process.argv.slice(2);
const { passed, failed } = sum(await run(what, args));
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
