import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
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

/**
 * The lock of who stands by, taken for a process that is about to be started and inherits it: it has the lock from its
 * birth, so that whoever ends the resolver finds it. Undefined while another process has it.
 * @returns an open descriptor, the caller's to close.
 * @throws {Error} when there is no such directory.
 */
export function reserveStandby(files: ResolverFiles): number | undefined {
  const fd = openSync(files.standbyLock, 'a', 0o600);
  if (!tryLockFile(fd)) {
    closeSync(fd);
    return undefined;
  }
  // The process says who it is itself.
  ftruncateSync(fd);
  return fd;
}

/** Who has a lock, as soon as it has said so; undefined when nobody has it, or says nothing for `ms`. */
export async function holderOf(
  files: ResolverFiles,
  ms: number,
  lock: LockFile,
): Promise<ProcessNote | undefined> {
  const until = performance.now() + ms;
  for (;;) {
    const running = runningProcess(files, lock);
    if (running !== undefined || isFree(files[lock]) || performance.now() > until) return running;
    await sleep(POLL_MS);
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
