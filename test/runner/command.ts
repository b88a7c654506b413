import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { setSessionNice } from '../support/session-nice.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** How much of a processor a command gets that others want too, as a nice value: ten times as much as they, or a tenth. */
export const SHARE = { most: -10, little: 10 } as const;

/** How a command ended, and all it wrote. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a command in the checkout; after `limitMs` milliseconds it is killed, with all it started, and has failed.
 * @param nice absent: it gets as much of a processor as others.
 */
export function run(argv: readonly string[], limitMs: number, nice?: number): Promise<Ran> {
  return new Promise((done) => {
    // The nice value of processes counts where sessions are no groups (sched(7)).
    const [command = '', ...args] = nice === undefined ? argv : ['nice', '-n', String(nice), ...argv];
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (nice !== undefined && child.pid !== undefined) setSessionNice(child.pid, nice);
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
