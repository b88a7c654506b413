import { join } from 'node:path';
import { VM_BOOT, type VmBoot } from '../vm/taps.ts';
import { ROOT, run, SHARE } from './command.ts';
import { type Count, show } from './count.ts';

const VM_LIMIT_S = 900;
/** First argument of the test runner when it runs in the microVM; the next are the number of files to run first, and files. */
export const IN_VM = 'in-vm';

/** What each Node in there loads first. */
const INTERPRETED = `--require=${join(ROOT, 'test/vm/interpreted.cjs')}`;

/**
 * In a microVM with Debian's kernel. An emulated machine dies now and then by itself: it gets a second one. It has one
 * processor: of two, one spins while the other waits for one of ours, which takes half as much again beside other tests.
 */
export async function inMicroVm(boot: VmBoot = VM_BOOT): Promise<Count> {
  const count = await once(boot);
  return count.failed === 0 ? count : once(boot);
}

/** All files in one boot; the test runner counts them there. */
async function once({ first, files, jobs }: VmBoot): Promise<Count> {
  const all = [...first, ...files];
  if (process.arch !== 'x64') {
    process.stdout.write(`no microVM on ${process.arch}: not run there: ${all.join(' ')}\n`);
    return { passed: 0, failed: 0 };
  }
  const started = Date.now();
  const vm = [process.execPath, 'test/vm/main.ts', '--cpus', '1', '--time', String(VM_LIMIT_S)];
  const runner = [process.execPath, 'test/run.ts', IN_VM, String(first.length), ...all];
  const argv = [...vm, 'env', `WEFT_TEST_JOBS=${jobs}`, `NODE_OPTIONS=${INTERPRETED}`, ...runner];
  const { code, output } = await run(argv, (VM_LIMIT_S + 60) * 1000, SHARE.most);
  const closing = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  const passed = Number(closing?.[1] ?? 0);
  const failed = Math.max(Number(closing?.[2] ?? 0), code === 0 && passed > 0 ? 0 : 1);
  const said = failed > 0 ? output : (output.match(/^ok .*\n/gm) ?? []).join('');
  process.stdout.write(said.replace(/^/gm, '  ').trimEnd().concat('\n'));
  show('microVM', failed === 0, (Date.now() - started) / 1000, `${passed} passed `);
  return { passed, failed };
}
