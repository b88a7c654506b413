import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { tryLockFile } from '../../kernel/libc/index.ts';
import type { ProcessNote } from '../link/index.ts';

/** That a process is the one of its kind: the lock of a file, which ends with the process. */
export class ProcessLock implements Disposable {
  readonly #fd: number;
  readonly #note: ProcessNote;
  #isTaken = false;

  /** @param file path, or a descriptor that is open already. */
  constructor(file: string | number, note: ProcessNote) {
    this.#fd = typeof file === 'number' ? file : openSync(file, 'a', 0o600);
    this.#note = note;
  }

  /** Whether it is this process' now. Who has it is written once: a reader finds nothing there meanwhile. */
  tryTake(): boolean {
    if (this.#isTaken) return true;
    if (!tryLockFile(this.#fd)) return false;
    this.#isTaken = true;
    ftruncateSync(this.#fd);
    writeSync(this.#fd, JSON.stringify(this.#note));
    return true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
