import { type ChildProcess, spawn } from 'node:child_process';
import { diesWithUs } from '../support/dies-with-us.ts';
import { childrenOf, ended, killHard } from './command.ts';
import { until } from './until.ts';

/** Namespaces kept alive by one process; ending that process ends everything in them. */
export class NamespaceHolder implements AsyncDisposable {
  /** The process whose /proc/PID/ns entries are the namespaces, as this process numbers it. */
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(pid: number, child: ChildProcess) {
    this.pid = pid;
    this.#child = child;
  }

  /**
   * Starts `argv` as process 1 of new network, mount, UTS and process namespaces and waits until it has printed
   * a line. With `mountsOf`, its mounts begin as a copy of that process's; else of this process's.
   * The kernel kills all of it when this process ends, however that comes about.
   * @throws {Error} with what it said on standard error when it ends instead.
   */
  static async start(argv: readonly string[], mountsOf?: number): Promise<NamespaceHolder> {
    const enter = mountsOf === undefined ? [] : ['nsenter', '-t', String(mountsOf), '-m', '--'];
    const isolate = ['unshare', '--net', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--'];
    const [program, ...args] = diesWithUs([...enter, ...isolate, ...argv]);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ready = await new Promise<boolean>((resolve, reject) => {
      child.stdout.once('data', () => resolve(true));
      child.once('exit', () => resolve(false));
      child.once('error', reject);
    });
    if (!ready || child.pid === undefined) throw new Error(`${argv.join(' ')}: ${said.trim()}`);
    const parent = child.pid;
    const pid = await until('the namespaces have a first process', () => childrenOf(parent)[0]);
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
    const holder = new NamespaceHolder(pid, child);
    open.add(holder);
    return holder;
  }

  /** The arguments before a program that put it in these namespaces. */
  get enter(): readonly string[] {
    return ['nsenter', '-t', String(this.pid), '-n', '-m', '-u', '-p', '--'];
  }

  /** Kills every process in the namespaces; resolves when the kernel has ended them all. */
  async [Symbol.asyncDispose](): Promise<void> {
    open.delete(this);
    killHard(this.pid);
    this.#child.ref();
    await ended(this.#child);
  }
}

const open = new Set<NamespaceHolder>();
process.on('exit', () => {
  for (const holder of open) killHard(holder.pid);
});
