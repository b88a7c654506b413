import type { ProcessNote, ResolverFiles } from '../link/index.ts';
import { ProcessLock } from './process-lock.ts';

/** Which process serves, by locks: they go with it however it ends, and nobody has to be asked. */
export class Succession implements Disposable {
  /** Of the process that serves. */
  readonly lock: ProcessLock;
  /** Resolves when it is this process' turn. */
  readonly turn: Promise<void>;
  #standing: ProcessLock | undefined;

  /** @param standby waits until no other process serves; else it serves beside one that does. */
  constructor(files: ResolverFiles, note: ProcessNote, standby: boolean) {
    this.lock = new ProcessLock(files.lock, note);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.turn = promise;
    if (this.lock.tryTake() || !standby) {
      resolve();
      return;
    }
    this.#standing = new ProcessLock(files.standbyLock, note);
    this.lock.whenTaken(() => {
      this.#stand();
      resolve();
    });
  }

  get isStandby(): boolean {
    return this.#standing !== undefined;
  }

  /** Whether another process stands by already. */
  get isOneTooMany(): boolean {
    return this.#standing?.tryTake() === false;
  }

  [Symbol.dispose](): void {
    this.lock[Symbol.dispose]();
    this.#stand();
  }

  #stand(): void {
    this.#standing?.[Symbol.dispose]();
    this.#standing = undefined;
  }
}
