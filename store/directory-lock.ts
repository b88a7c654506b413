import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Conflict, errorMessage, Unavailable } from '../core/errors.ts';
import { takeLock } from './exclusive-lock.ts';

/**
 * Claims a directory, made with mode 0700 when missing, for this process until disposed of or until the process ends,
 * however it ends. The claim is the lock on `lock.db`; `lock.pid` beside it only serves the message.
 * @throws {Conflict} when another process holds it: `state directory … is in use by weftd (pid N)`.
 * @throws {Unavailable} when the directory cannot be made or written.
 */
export async function lockDirectory(path: string): Promise<AsyncDisposable> {
  const pidFile = join(path, 'lock.pid');
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    lock = takeLock(join(path, 'lock.db'));
    if (lock !== undefined) writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock?.close();
    throw new Unavailable(`lock state directory ${path}: ${errorMessage(error)}`, { path }, { cause: error });
  }
  if (lock === undefined) {
    throw new Conflict(`state directory ${path} is in use by ${holder(pidFile)}`, { path });
  }
  return new HeldLock(lock, pidFile);
}

class HeldLock implements AsyncDisposable {
  readonly #db: DatabaseSync;
  readonly #pidFile: string;

  constructor(db: DatabaseSync, pidFile: string) {
    this.#db = db;
    this.#pidFile = pidFile;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#db.isOpen) return;
    rmSync(this.#pidFile, { force: true });
    this.#db.close();
  }
}

function holder(pidFile: string): string {
  try {
    const pid = readFileSync(pidFile, 'utf8').trim();
    return /^\d+$/.test(pid) ? `weftd (pid ${pid})` : 'another weftd';
  } catch {
    // The holder has the lock but has not written its pid yet.
    return 'another weftd';
  }
}
