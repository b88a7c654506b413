import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { HandedSocket, SocketLabel } from '../../discovery/index.ts';
import { closeFd, sendDescriptors } from '../../kernel/libc/index.ts';
import { RestartDelay } from './restart-delay.ts';
import { Restarts } from './restarts.ts';
import { reserveStandby, runningProcess, signal } from './running-process.ts';
import { type StartOptions, startProcess } from './start-process.ts';

/** A process that lives says hello within this time, or is ended: a start may take long on a busy machine. */
const HELLO_MS = 30_000;
/** How often the lock for a process that is to stand by is tried. */
const RESERVE_MS = 10;

interface Child {
  readonly startedAt: number;
  /** Our end of the channel that sockets go through; absent: it needs no more of them. */
  channel?: number;
}

export interface ChildrenParts extends Omit<StartOptions, 'standby' | 'sockets'> {
  readonly sockets: () => readonly HandedSocket[];
  /** A process is over that was started here, or could not be. */
  readonly onEnded: (pid: number) => void;
}

/** Resolver processes that this weftd starts, one at a time, and those of them that have not ended. */
export class Children implements Disposable {
  readonly restarts: Restarts;
  readonly #parts: ChildrenParts;
  readonly #living = new Map<number, Child>();
  readonly #dismissed = new Set<number>();
  readonly #delay = new RestartDelay();
  /** Pid of the process that was started and has not said hello yet; 0 while it is about to be. */
  #starting: number | undefined;
  /** A process has ended in whose place none was started yet: after how many milliseconds one is to be. */
  #pause: number | undefined;
  #closed = false;

  constructor(parts: ChildrenParts) {
    this.#parts = parts;
    this.restarts = new Restarts(parts.files.stderr);
  }

  /**
   * Starts one, unless one is being started.
   * @param standby whether it waits until no other process serves, which it does at once where none does.
   */
  async start(standby: boolean): Promise<void> {
    if (this.#starting !== undefined || this.#closed) return;
    this.#starting = 0;
    const pause = this.#pause;
    this.#pause = undefined;
    if (pause !== undefined && pause > 0) await sleep(pause);
    const { log, sockets } = this.#parts;
    try {
      const lock = standby ? await this.#reserve() : undefined;
      if (this.#closed) {
        if (lock !== undefined) closeFd(lock);
        return;
      }
      const pid = this.#start({ ...this.#parts, standby: lock, sockets: sockets() });
      this.#starting = pid;
      log.info({ pid, pause, standby }, 'resolver process started');
      setTimeout(() => this.#mute(pid), HELLO_MS).unref();
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'the resolver process cannot be started');
      this.#starting = undefined;
      this.ended(0, 'not started', 0);
      this.#parts.onEnded(0);
    }
  }

  /** Whether one is being started, and has not said hello. */
  get isStarting(): boolean {
    return this.#starting !== undefined;
  }

  /** A process has said hello. */
  greeted(pid: number): void {
    if (this.#starting === pid) this.#starting = undefined;
  }

  has(pid: number): boolean {
    return this.#living.has(pid);
  }

  /** A process is told to end. */
  dismissed(pid: number): void {
    if (this.has(pid)) this.#dismissed.add(pid);
  }

  /** A process has ended that was to live: another one is to be started, after a pause where lives are short. */
  ended(pid: number, how: string | undefined, livedMs: number): void {
    this.restarts.ended(pid, how);
    // Two that end before one is started are one failure.
    this.#pause ??= this.#delay.next(livedMs);
  }

  /** Whether a process is sent the sockets that another one serves. */
  isHanded(pid: number): boolean {
    return this.#living.get(pid)?.channel !== undefined;
  }

  /** Sends a sandbox's sockets to every process that may have to take over; they find them when they look. */
  hand({ key, namespace, udp, tcp }: HandedSocket): void {
    const label = Buffer.from(JSON.stringify({ key, namespace } satisfies SocketLabel));
    for (const [pid, { channel }] of this.#living) {
      if (channel === undefined) continue;
      try {
        sendDescriptors(channel, label, [udp, tcp]);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        // It would open others, and the sandbox's redirect would change.
        const context = { pid, sandbox: key, error: errorMessage(error) };
        this.#parts.log.debug(context, 'a process that stands by gets no sockets of a sandbox');
      }
    }
  }

  /** The process has sockets of its own, or has ended. */
  stopHanding(pid: number): void {
    const child = this.#living.get(pid);
    if (child?.channel === undefined) return;
    closeFd(child.channel);
    delete child.channel;
  }

  /** Leaves them running. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const pid of this.#living.keys()) this.stopHanding(pid);
  }

  /** The lock for one that stands by. Who has it is about to end, or does not know of this weftd and has to. */
  async #reserve(): Promise<number | undefined> {
    const { files, log } = this.#parts;
    for (let until = performance.now() + HELLO_MS; !this.#closed; await sleep(RESERVE_MS)) {
      const lock = reserveStandby(files);
      if (lock !== undefined) return lock;
      if (performance.now() < until) continue;
      until = Number.POSITIVE_INFINITY;
      const holder = runningProcess(files, 'standbyLock');
      if (holder === undefined) continue;
      log.warn({ pid: holder.pid }, 'a resolver process stands by and does not answer; it is ended');
      signal(holder.pid, 'SIGKILL');
    }
    return undefined;
  }

  #start(options: StartOptions): number {
    const { pid, channel, ended } = startProcess(options);
    this.#living.set(pid, { startedAt: Date.now(), channel });
    void ended.then((how) => this.#over(pid, how));
    return pid;
  }

  #over(pid: number, how: string): void {
    const livedMs = Date.now() - (this.#living.get(pid)?.startedAt ?? 0);
    this.stopHanding(pid);
    this.#living.delete(pid);
    if (this.#starting === pid) this.#starting = undefined;
    if (this.#closed) return;
    if (!this.#dismissed.delete(pid)) {
      this.#parts.log.warn({ pid, how }, 'a resolver process has ended');
      this.ended(pid, how, livedMs);
    }
    this.#parts.onEnded(pid);
  }

  #mute(pid: number): void {
    if (this.#starting !== pid) return;
    this.#parts.log.warn({ pid }, 'the resolver process says nothing; it is ended');
    signal(pid, 'SIGKILL');
  }
}
