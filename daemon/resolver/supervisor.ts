import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import type { FeedMessage, HandedSocket, Report, ResolverFiles, Serving } from '../../discovery/index.ts';
import type { FactSource } from './fact-source.ts';
import { FeedSession } from './feed-session.ts';
import type { ResolverLog } from './log.ts';
import { type ProcessConnection, ProcessServer } from './process-server.ts';
import { RestartDelay } from './restart-delay.ts';
import { Restarts } from './restarts.ts';
import { hasEnded, runningProcess, signal } from './running-process.ts';
import { startProcess } from './start-process.ts';

/** A process that lives says hello within this time, or is ended. */
const HELLO_MS = 5000;
/** How long a connection may be lost although its process lives. */
const LOST_MS = 3000;

export interface SupervisorParts {
  readonly files: ResolverFiles;
  readonly runDir: string;
  readonly stateDir: string;
  readonly build: string;
  readonly debug: boolean;
  readonly source: FactSource;
  readonly log: ResolverLog;
  readonly sockets: () => readonly HandedSocket[];
  /** The process that is to be asked serves this sandbox. */
  readonly onServing: (serving: Serving, pid: number) => void;
  readonly onGone: (key: SandboxKey) => void;
  /** Resolves when queries go where the last calls of `onServing` say. */
  readonly redirected: () => Promise<void>;
  /** Whether any process answers. */
  readonly onPresence: (present: boolean) => void;
  readonly onReport: (report: Report, pid: number) => void;
}

/** How long a process of another version may take to say what it serves. */
const IN_STEP_MS = 1000;
/** A process says something each 10 s. */
const LOOK_MS = 10_000;
const MOST_SILENCE = 4;
/** How long a process answers on after its queries go to another one's sockets. */
const MOVED_MS = 3000;

/** A resolver process that is connected. */
interface Member {
  readonly connection: ProcessConnection;
  readonly pid: number;
  readonly build: string;
  readonly session: FeedSession;
  readonly serving: Map<SandboxKey, Serving>;
  /** Looks in a row at which nothing had been heard of it. */
  silence: number;
}

/**
 * Sees to it that there is one resolver process, of this weftd's program: adopts the one that runs, starts one where
 * there is none, and where it is another program's, starts a second one and ends the first when that one serves all.
 */
export class Supervisor implements AsyncDisposable {
  readonly #parts: SupervisorParts;
  readonly #members = new Map<ProcessConnection, Member>();
  readonly #delay = new RestartDelay();
  readonly restarts: Restarts;
  readonly #looking = setInterval(() => this.#look(), LOOK_MS);
  #server: ProcessServer | undefined;
  /** The member whose word on ports counts. */
  #leader: Member | undefined;
  /** Pid of the process that was started and has not said hello yet; 0 while it is about to be. */
  #starting: number | undefined;
  #startedAt = 0;
  #closed = false;

  private constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.restarts = new Restarts(parts.files.stderr);
  }

  /** @throws {Unavailable} when there can be no socket for the process. */
  static async open(parts: SupervisorParts): Promise<Supervisor> {
    const supervisor = new Supervisor(parts);
    const { files, log } = parts;
    try {
      supervisor.#server = await ProcessServer.open({
        files,
        log,
        onReport: (connection, report) => supervisor.#report(connection, report),
        onDisconnect: (connection) => void supervisor.#disconnected(connection),
      });
    } catch (error) {
      await supervisor[Symbol.asyncDispose]();
      throw error;
    }
    const running = runningProcess(files);
    if (running === undefined) void supervisor.#start();
    else void supervisor.#awaitReturn(running.pid, HELLO_MS);
    return supervisor;
  }

  get leader(): { readonly pid: number; readonly build: string; readonly serving: number } | undefined {
    if (this.#leader === undefined) return undefined;
    const { pid, build, serving } = this.#leader;
    return { pid, build, serving: serving.size };
  }

  /** The sandbox's namespace is there. */
  appeared(key: SandboxKey): void {
    for (const { connection } of this.#members.values()) connection.order({ type: 'appeared', key });
  }

  /** Leaves the process running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    for (const { session } of this.#members.values()) session[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
  }

  /** A process that hangs is ended; looks are counted rather than time, which a suspended machine has too much of. */
  #look(): void {
    for (const member of this.#members.values()) {
      member.silence += 1;
      if (member.silence < MOST_SILENCE) continue;
      this.#parts.log.warn({ pid: member.pid }, 'the resolver process hangs; it is ended');
      signal(member.pid, 'SIGKILL');
    }
  }

  #report(connection: ProcessConnection, report: Report): void {
    if (report.type === 'hello') {
      this.#welcome(connection, report.pid, report.build);
      return;
    }
    const member = this.#members.get(connection);
    if (member === undefined) return;
    member.silence = 0;
    switch (report.type) {
      case 'serving':
        member.serving.set(report.key, report);
        if (member === this.#leader) this.#parts.onServing(report, member.pid);
        break;
      case 'gone':
        member.serving.delete(report.key);
        if (member === this.#leader) this.#parts.onGone(report.key);
        break;
      case 'synced':
        if (report.session === member.session.id) void this.#synced(member);
        break;
      case 'counts':
      case 'log':
        this.#parts.onReport(report, member.pid);
        break;
    }
  }

  #welcome(connection: ProcessConnection, pid: number, build: string): void {
    const send = (message: FeedMessage): Promise<void> => connection.feed(message);
    const session = new FeedSession(this.#parts.source, send);
    const member: Member = { connection, pid, build, session, serving: new Map(), silence: 0 };
    this.#members.get(connection)?.session[Symbol.dispose]();
    this.#members.set(connection, member);
    if (this.#starting === pid) this.#starting = undefined;
    if (this.#leader === undefined) {
      this.#leader = member;
      this.#parts.onPresence(true);
    }
    const { log } = this.#parts;
    log.info({ pid, build }, 'the resolver process is there');
    // Its sockets are known by the time it is in step; another version may never be.
    if (build !== this.#parts.build) setTimeout(() => this.#replace(member), IN_STEP_MS).unref();
  }

  /** Starts our program beside another one that serves names. */
  #replace(member: Member): void {
    const { log, build } = this.#parts;
    if (this.#leader !== member || this.#starting !== undefined || this.#closed) return;
    log.info(
      { pid: member.pid, build: member.build, ours: build },
      'another program serves names; replacing it',
    );
    void this.#start();
  }

  /** A process knows and serves everything: if it is of our program, all others may go. */
  async #synced(member: Member): Promise<void> {
    if (member.build !== this.#parts.build) {
      this.#replace(member);
      return;
    }
    const others = [...this.#members.values()].filter((each) => each !== member);
    if (this.#leader !== member) {
      const moved = this.#leader !== undefined && !isSamePorts(this.#leader, member);
      this.#leader = member;
      for (const serving of member.serving.values()) this.#parts.onServing(serving, member.pid);
      await this.#parts.redirected();
      // Clients go on where their first query went, for as long as they use the same socket.
      if (moved) await sleep(MOVED_MS);
    }
    for (const { connection, pid } of others) {
      this.#parts.log.info({ pid }, 'an earlier resolver process may end');
      connection.order({ type: 'end' });
    }
  }

  async #disconnected(connection: ProcessConnection): Promise<void> {
    const member = this.#members.get(connection);
    this.#members.delete(connection);
    member?.session[Symbol.dispose]();
    if (member === undefined || member !== this.#leader) return;
    this.#leader = this.#members.values().next().value;
    if (this.#leader !== undefined) {
      for (const serving of this.#leader.serving.values()) this.#parts.onServing(serving, this.#leader.pid);
      return;
    }
    this.#parts.onPresence(false);
    await this.#awaitReturn(member.pid, LOST_MS);
  }

  /** Waits for a process that is said to live, and starts another one as soon as it does not. */
  async #awaitReturn(pid: number, ms: number): Promise<void> {
    const { files, log } = this.#parts;
    const until = Date.now() + ms;
    while (!(await hasEnded(files, 0))) {
      if (this.#closed || this.#leader !== undefined) return;
      if (Date.now() > until) {
        log.warn({ pid }, 'the resolver process does not answer; it is ended');
        signal(pid, 'SIGKILL');
        await hasEnded(files, ms);
        break;
      }
      await sleep(5);
    }
    if (this.#closed || this.#leader !== undefined) return;
    this.restarts.ended(pid);
    await this.#start(Date.now() - this.#startedAt);
  }

  /** @param livedMs how long the process lived that this one follows; absent: there was none. */
  async #start(livedMs?: number): Promise<void> {
    if (this.#starting !== undefined || this.#closed) return;
    this.#starting = 0;
    const delay = livedMs === undefined ? 0 : this.#delay.next(livedMs);
    if (delay > 0) await sleep(delay);
    if (this.#closed) return;
    const { log, sockets } = this.#parts;
    this.#startedAt = Date.now();
    try {
      const started = startProcess({ ...this.#parts, sockets: sockets() });
      this.#starting = started.pid;
      if (livedMs !== undefined) this.restarts.again();
      log.info({ pid: started.pid, delay }, 'resolver process started');
      const timer = setTimeout(() => this.#mute(started.pid), HELLO_MS);
      timer.unref();
      void started.ended.then((how) => this.#ended(started.pid, how));
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'the resolver process cannot be started');
      await this.#ended(0, 'not started');
    }
  }

  #mute(pid: number): void {
    if (this.#starting !== pid) return;
    this.#parts.log.warn({ pid }, 'the resolver process says nothing; it is ended');
    signal(pid, 'SIGKILL');
  }

  /** A process that this weftd has started is over. */
  async #ended(pid: number, how: string): Promise<void> {
    const wasStarting = this.#starting === pid;
    if (wasStarting) this.#starting = undefined;
    if (this.#closed) return;
    const other = [...this.#members.values()].some(
      (each) => each.pid !== pid && each.build === this.#parts.build,
    );
    if (other) return;
    this.restarts.ended(pid, how);
    this.#parts.log.warn({ pid, how }, 'the resolver process has ended; starting another one');
    await this.#start(Date.now() - this.#startedAt);
  }
}

function isSamePorts(one: Member, other: Member): boolean {
  return [...one.serving.values()].every(({ key, udp, tcp }) => {
    const there = other.serving.get(key);
    return there === undefined || (there.udp.port === udp.port && there.tcp.port === tcp.port);
  });
}
