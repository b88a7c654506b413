import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { build, checks, unit } from './runner/checks.ts';
import { ROOT, SHARE } from './runner/command.ts';
import { type Count, sum } from './runner/count.ts';
import { IN_VM, inMicroVm } from './runner/micro-vm.ts';
import { SystemFiles, tapFiles } from './runner/system-files.ts';

/*
 * Runs checks, unit tests and system tests, shows what failed, and closes with one line that counts.
 */

/** System test files that run side by side: each has hosts and namespaces of its own, and waits most of its time. */
const JOBS = Number(process.env['WEFT_TEST_JOBS'] ?? 2 * availableParallelism());

/**
 * All there is: what must not wait, and in its pauses what touches no kernel object of this machine; then the microVM,
 * which finds programs compiled, and all others.
 */
async function all(andChecks: boolean): Promise<readonly Count[]> {
  const files = new SystemFiles(tapFiles());
  const checking = andChecks ? checks(SHARE.little) : [];
  await files.runAlone();
  const inVm = inMicroVm();
  await files.runOthers(JOBS, inVm);
  return [await inVm, ...(await checking), ...(await files.close())];
}

async function only(files: readonly string[]): Promise<readonly Count[]> {
  const taps = new SystemFiles(files);
  await taps.runOthers(JOBS);
  await taps.runAlone();
  return taps.close();
}

/** @param count how many of the files nothing may run beside. */
async function inVm([count, ...files]: readonly string[]): Promise<readonly Count[]> {
  const first = Number(count);
  const counts = [];
  for (const file of files.slice(0, first)) counts.push(...(await only([file])));
  return [...counts, ...(await only(files.slice(first)))];
}

/** Just these files; those of the microVM in a microVM. */
async function named(files: readonly string[]): Promise<readonly Count[]> {
  const taps = files.filter((file) => file.endsWith('.tap.ts'));
  const forVm = taps.filter((file) => file.startsWith('test/vm/'));
  const others = files.filter((file) => !file.endsWith('.tap.ts'));
  return [
    ...(others.length > 0 ? [await unit(others)] : []),
    ...(await only(taps.filter((file) => !forVm.includes(file)))),
    ...(forVm.length > 0 ? [await inMicroVm({ first: [], files: forVm, jobs: 1 })] : []),
  ];
}

async function run(what: string, args: readonly string[]): Promise<readonly Count[]> {
  if (what === 'unit') return checks();
  process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, '.tools/compile-cache');
  // Engines and etcd live for a minute: collecting their garbage is a tenth of all that a container's life costs.
  process.env['GOGC'] ??= '400';
  // The microVM has this machine's build: its own would take a minute.
  if (what === IN_VM) return inVm(args);
  const built = await build();
  switch (what) {
    case 'all':
    case 'system':
      return [built, ...(await all(what === 'all'))];
    case 'build':
      return [built];
    case 'vm':
      return [built, await inMicroVm()];
    default:
      return [built, ...(await named([what, ...args]))];
  }
}

const [what = 'all', ...args] = process.argv.slice(2);
const { passed, failed } = sum(await run(what, args));
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
