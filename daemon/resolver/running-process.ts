import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProcessNote, type ProcessNote, type ResolverFiles } from '../../discovery/index.ts';
import { tryLockFile } from '../../kernel/libc/index.ts';

const POLL_MS = 10;

/** A lock of the process that serves, or of the one that stands by. */
export type LockFile = 'lock' | 'standbyLock';

/** The resolver process that has a lock of the run directory; undefined when none lives. */
export function runningProcess(files: ResolverFiles, lock: LockFile = 'lock'): ProcessNote | undefined {
  if (isFree(files[lock])) return undefined;
  try {
    return decodeProcessNote(JSON.parse(readFileSync(files[lock], 'utf8')));
  } catch {
    // It has the lock and has not written who it is yet, or is none of this version's.
    return undefined;
  }
}

function isFree(lock: string): boolean {
  let fd: number;
  try {
    fd = openSync(lock, 'r');
  } catch {
    return true;
  }
  try {
    return tryLockFile(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether no process has the lock, at the latest after `ms`. */
export async function hasEnded(files: ResolverFiles, ms: number, lock: LockFile = 'lock'): Promise<boolean> {
  const until = Date.now() + ms;
  while (!isFree(files[lock])) {
    if (Date.now() > until) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Sends a signal; a process that has ended already is as good. */
export function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
