import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { outputOf } from './light-spawn.ts';

/** A network namespace of a test, kept by a process that ends with the test even if it is killed. */
export interface ScratchNamespace extends Disposable {
  readonly pid: number;
  /** Its file, as long as it is open. */
  readonly path: string;
  /**
   * Runs a shell script in it (with -e) and gives its standard output.
   * @throws {Error} with what the script said when it fails.
   */
  run(script: string): string;
}

/** Makes an empty network namespace. Needs CAP_SYS_ADMIN. */
export async function openScratchNamespace(): Promise<ScratchNamespace> {
  const home = readlinkSync('/proc/self/ns/net');
  // cat ends when its input does, so the namespace goes when this process does, however it ends.
  const keeper = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const pid = keeper.pid;
  if (pid === undefined) throw new Error('unshare does not start');
  const path = `/proc/${pid}/ns/net`;
  const deadline = performance.now() + 5000;
  while (readlinkSync(path) === home) {
    if (performance.now() > deadline || keeper.exitCode !== null) throw new Error('no new network namespace');
    await sleep(5);
  }
  const namespace = readlinkSync(path);
  const run = (script: string) => {
    if (readlinkSync(path) !== namespace) throw new Error(`the namespace of process ${pid} is gone`);
    return outputOf(['nsenter', `--net=${path}`, 'sh', '-e', '-c', script]);
  };
  return { pid, path, run, [Symbol.dispose]: () => keeper.stdin.end() };
}
