import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { setSessionNice } from '../support/session-nice.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** How much of a processor a command may have when others want it too; `whenIdle`: next to nothing (sched(7)). */
export type Urgency = 'normal' | 'whenIdle';

const LOWEST = 19;

/** How a command ended, and all it wrote. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a command in the checkout; after `limitMs` milliseconds it is killed, with all it started, and has failed. */
export function run(argv: readonly string[], limitMs: number, urgency: Urgency = 'normal'): Promise<Ran> {
  return new Promise((done) => {
    const [command = '', ...args] = urgency === 'whenIdle' ? ['chrt', '--idle', '0', ...argv] : argv;
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (urgency === 'whenIdle' && child.pid !== undefined) setSessionNice(child.pid, LOWEST);
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
