import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { errorMessage } from '../../core/errors.ts';
import type { ProcessNote, ResolverFiles } from '../link/index.ts';
import type { DiscoveryLog } from '../server/index.ts';
import { ProcessLock } from './process-lock.ts';

/** How often the lock is tried: always, and for a while after the process that had it has gone silent. */
const RETRY_MS = 50;
const SOON_MS = 2;
const A_WHILE_MS = 1000;

export interface SuccessionParts {
  readonly files: ResolverFiles;
  readonly note: ProcessNote;
  /** Descriptor of the lock of who stands by, held since birth; undefined: it serves at once, beside others too. */
  readonly standby: number | undefined;
  readonly log: DiscoveryLog;
}

/**
 * Which process serves, by locks: they go with it however it ends, and nobody has to be asked. Who stands by hears of
 * its end by a connection, and does nothing until then.
 */
export class Succession implements Disposable {
  /** Resolves when it is this process' turn. */
  readonly turn: Promise<void>;
  readonly #parts: SuccessionParts;
  readonly #lock: ProcessLock;
  readonly #begin: () => void;
  #standing: ProcessLock | undefined;
  #server: Server | undefined;
  #watched: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lostAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SuccessionParts) {
    const { files, note, standby } = parts;
    this.#parts = parts;
    this.#lock = new ProcessLock(files.lock, note);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.turn = promise;
    this.#begin = resolve;
    if (standby === undefined) {
      this.#tryTake();
      resolve();
      return;
    }
    this.#standing = new ProcessLock(standby, note);
    // Says who has it.
    this.#standing.tryTake();
    this.#watch();
  }

  get isStandby(): boolean {
    return this.#standing !== undefined;
  }

  /** Calls back when no other process has the lock: what is on disk is this one's from then on. */
  whenAlone(act: () => void): void {
    if (this.#tryTake()) act();
    else this.#timer = setTimeout(() => this.whenAlone(act), RETRY_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#watched?.removeAllListeners('close').destroy();
    this.#server?.close();
    this.#lock[Symbol.dispose]();
    this.#standing?.[Symbol.dispose]();
  }

  #tryTake(): boolean {
    if (!this.#lock.tryTake()) return false;
    this.#server ??= this.#listen();
    return true;
  }

  /** Where who stands by sees that this process lives. */
  #listen(): Server {
    const path = this.#parts.files.alive;
    rmSync(path, { force: true });
    const server = createServer((socket) => socket.on('error', () => undefined).resume());
    // Who stands by tries the lock now and then as well.
    server.on('error', (error) =>
      this.#parts.log.warn({ path, error: errorMessage(error) }, 'nobody hears when this resolver ends'),
    );
    return server.listen(path).unref();
  }

  #watch(): void {
    if (this.#tryTake()) {
      this.#standing?.[Symbol.dispose]();
      this.#standing = undefined;
      this.#begin();
      return;
    }
    const socket = connect(this.#parts.files.alive);
    this.#watched = socket;
    let isConnected = false;
    socket.on('error', () => undefined).resume();
    socket.on('connect', () => {
      isConnected = true;
    });
    socket.on('close', () => {
      if (isConnected) this.#lostAt = performance.now();
      const isLost = performance.now() - this.#lostAt < A_WHILE_MS;
      this.#timer = setTimeout(() => this.#watch(), isLost ? SOON_MS : RETRY_MS);
    });
  }
}
