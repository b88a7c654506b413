import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { tryLockFile } from '../../kernel/libc/index.ts';
import type { ProcessNote } from '../link/index.ts';

/** After this the lock is tried again: so long names wait at most for the process that stands by. */
const RETRY_MS = 20;

/** That a process is the one of its kind: the lock of a file, which ends with the process. */
export class ProcessLock implements Disposable {
  readonly #fd: number;
  readonly #note: ProcessNote;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, note: ProcessNote) {
    this.#fd = openSync(path, 'a', 0o600);
    this.#note = note;
  }

  /** Whether it is this process' now. */
  tryTake(): boolean {
    if (!tryLockFile(this.#fd)) return false;
    ftruncateSync(this.#fd);
    writeSync(this.#fd, JSON.stringify(this.#note));
    return true;
  }

  /** Calls back when the process that has it is gone. */
  whenTaken(act: () => void): void {
    if (this.tryTake()) act();
    else this.#timer = setTimeout(() => this.whenTaken(act), RETRY_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    closeSync(this.#fd);
  }
}
