import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { setSessionNice } from '../support/session-nice.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** As nice values of sessions: a tenth, and as much as others. */
const LITTLE = 10;
const USUAL = 0;

/** How a command ended, and all it wrote. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a command in the checkout; after `limitMs` milliseconds it is killed, with all it started, and has failed.
 * @param hurry until it comes, the command has little of a processor that others want too (sched(7)).
 */
export function run(argv: readonly string[], limitMs: number, hurry?: AbortSignal): Promise<Ran> {
  return new Promise((done) => {
    // The nice value of processes counts where sessions are no groups.
    const [command = '', ...args] = hurry === undefined ? argv : ['nice', '-n', String(LITTLE), ...argv];
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (hurry?.aborted === false) setNice(child, LITTLE);
    const speedUp = (): void => setNice(child, USUAL);
    hurry?.addEventListener('abort', speedUp);
    const chunks: Buffer[] = [];
    const stop = setTimeout(() => {
      chunks.push(Buffer.from(`\nnot ok - stopped after ${limitMs / 1000} s\n`));
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', (code) => {
      clearTimeout(stop);
      hurry?.removeEventListener('abort', speedUp);
      done({ code: code ?? 1, output: Buffer.concat(chunks).toString() });
    });
  });
}

function setNice({ pid }: ChildProcess, nice: number): void {
  if (pid !== undefined) setSessionNice(pid, nice);
}
