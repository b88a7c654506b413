import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxKey } from '../../core/ids.ts';
import type { FeedMessage, HandedSocket, Report, ResolverFiles, Serving } from '../../discovery/index.ts';
import { Children } from './children.ts';
import type { FactSource } from './fact-source.ts';
import { FeedSession } from './feed-session.ts';
import { HangWatch } from './hang-watch.ts';
import type { ResolverLog } from './log.ts';
import { isSamePorts, isSuccessor, type Member } from './member.ts';
import { type ProcessConnection, ProcessServer } from './process-server.ts';
import type { Restarts } from './restarts.ts';
import { Returns } from './returns.ts';
import { runningProcess } from './running-process.ts';

/** A process that lives says hello within this time, or is ended. */
const HELLO_MS = 10_000;
/** How long a connection may be lost although its process lives. */
const LOST_MS = 5000;

export interface SupervisorParts {
  readonly files: ResolverFiles;
  readonly runDir: string;
  readonly stateDir: string;
  readonly build: string;
  readonly debug: boolean;
  /** Whether a second process stands by for the one that serves. */
  readonly standby: boolean;
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
/** How long a process answers on after its queries go to another one's sockets. */
const MOVED_MS = 3000;
type Hello = Extract<Report, { readonly type: 'hello' }>;

/**
 * Sees to it that one resolver process serves, of this weftd's program, and that another one stands by: adopts the one
 * that runs, starts what is not there, and where it is another program's, starts its own beside it and ends the other
 * when that one serves all. Which one serves is the processes' own affair (`Succession`): who stands by takes over by
 * itself, with what weftd has told it and the sockets that weftd has sent it.
 */
export class Supervisor implements AsyncDisposable {
  readonly #parts: SupervisorParts;
  readonly #members = new Map<ProcessConnection, Member>();
  readonly #children: Children;
  readonly #hangs: HangWatch;
  #server: ProcessServer | undefined;
  /** The member whose word on ports counts. */
  #leader: Member | undefined;
  readonly #returns: Returns;
  #closed = false;

  private constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#hangs = new HangWatch(this.#members, parts.log);
    this.#returns = new Returns({
      log: parts.log,
      isBack: (pid) => [...this.#members.values()].some((each) => each.pid === pid),
      isOver: () => this.#closed,
    });
    this.#children = new Children({ ...parts, onEnded: (pid) => this.#ended(pid) });
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
    if (running === undefined) supervisor.#fill();
    else void supervisor.#awaitHolder(running.pid, HELLO_MS);
    return supervisor;
  }

  get restarts(): Restarts {
    return this.#children.restarts;
  }

  get leader(): { readonly pid: number; readonly build: string; readonly serving: number } | undefined {
    if (this.#leader === undefined) return undefined;
    const { pid, build, serving } = this.#leader;
    return { pid, build, serving: serving.size };
  }

  /** Whether a process lives that has served and is not connected: for a few seconds at most, then it is ended. */
  get awaits(): boolean {
    return this.#returns.some;
  }

  /** The sandbox's namespace is there. */
  appeared(key: SandboxKey): void {
    for (const { connection } of this.#members.values()) connection.order({ type: 'appeared', key });
  }

  /** Sockets that the leader serves: who stands by has them too. */
  hand(socket: HandedSocket): void {
    this.#children.hand(socket);
    for (const { connection, pid } of this.#members.values()) {
      if (this.#children.isHanded(pid)) connection.order({ type: 'handed' });
    }
  }

  /** Leaves the processes running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#hangs[Symbol.dispose]();
    this.#children[Symbol.dispose]();
    for (const { session } of this.#members.values()) session[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
  }

  #report(connection: ProcessConnection, report: Report): void {
    if (report.type === 'hello') {
      this.#welcome(connection, report);
      return;
    }
    const member = this.#members.get(connection);
    if (member === undefined) return;
    member.silence = 0;
    switch (report.type) {
      case 'serving':
        member.serving.set(report.key, report);
        this.#serves(member);
        if (member === this.#leader) this.#parts.onServing(report, member.pid);
        else this.#mayLead(member);
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

  #welcome(connection: ProcessConnection, { pid, build, standby: isStandby = false }: Hello): void {
    const send = (message: FeedMessage): Promise<void> => connection.feed(message);
    const session = new FeedSession(this.#parts.source, send);
    const serving = new Map();
    const member = { connection, pid, build, session, serving, isStandby, isInStep: false, silence: 0 };
    this.#members.get(connection)?.session[Symbol.dispose]();
    this.#members.set(connection, member);
    this.#children.greeted(pid);
    const { log } = this.#parts;
    log.info({ pid, build, standby: isStandby }, 'a resolver process is there');
    if (isStandby) {
      connection.order({ type: 'handed' });
      // One that an earlier weftd has started may come when all is served already, and no later report ends it.
      if (this.#leader?.isInStep === true) this.#dismissOthers(this.#leader);
    } else {
      this.#children.stopHanding(pid);
      this.#mayLead(member);
    }
    // Its sockets are known by the time it is in step; another version may never be.
    if (build !== this.#parts.build) setTimeout(() => this.#replace(member), IN_STEP_MS).unref();
  }

  /** On a busy machine weftd hears of the one that has taken over before it hears of the other one's end. */
  #serves(member: Member): void {
    const before = this.#leader;
    const isNext = before !== undefined && isSuccessor(member, before);
    member.isStandby = false;
    if (!isNext) return;
    before.connection.order({ type: 'end' });
    void this.#disconnected(before.connection);
  }

  /** A process that serves leads where none does. */
  #mayLead(member: Member): void {
    if (this.#leader === undefined || this.#leader.isStandby) this.#lead(member);
  }

  #lead(member: Member): void {
    this.#leader = member;
    this.#children.stopHanding(member.pid);
    this.#parts.onPresence(true);
    for (const serving of member.serving.values()) this.#parts.onServing(serving, member.pid);
  }

  /** Starts our program beside another one that serves names. */
  #replace(member: Member): void {
    const { log, build } = this.#parts;
    if (this.#leader !== member || this.#children.isStarting || this.#closed) return;
    if ([...this.#members.values()].some((each) => each.build === build)) return;
    log.info(
      { pid: member.pid, build: member.build, ours: build },
      'another program serves names; replacing it',
    );
    void this.#children.start(false);
  }

  /** A process knows and serves everything: if it is of our program, all others but who stands by may go. */
  async #synced(member: Member): Promise<void> {
    if (member.build !== this.#parts.build) {
      this.#replace(member);
      return;
    }
    member.isStandby = false;
    member.isInStep = true;
    if (this.#leader !== member) {
      const moved = this.#leader !== undefined && !isSamePorts(this.#leader, member);
      this.#lead(member);
      await this.#parts.redirected();
      // Clients go on where their first query went, for as long as they use the same socket.
      if (moved) await sleep(MOVED_MS);
      if (this.#leader !== member) return;
    }
    this.#dismissOthers(member);
    this.#fill();
  }

  #dismissOthers(than: Member): void {
    for (const member of this.#members.values()) {
      const { connection, pid, isStandby } = member;
      if (member === than || (isStandby && this.#children.isHanded(pid))) continue;
      this.#parts.log.info({ pid }, 'an earlier resolver process may end');
      this.#children.dismissed(pid);
      connection.order({ type: 'end' });
    }
  }

  /** Starts what is not there; who is told to end has to be gone before. */
  #fill(): void {
    const { size } = this.#members;
    if (this.#leader !== undefined && this.#leader.build !== this.#parts.build) {
      this.#replace(this.#leader);
      return;
    }
    const lacksStandby = size === 1 && this.#leader?.isInStep === true && this.#parts.standby;
    if (size === 0 || lacksStandby) void this.#children.start(true);
  }

  /** The member is no more; undefined when that is known already. */
  #lose(member: Member | undefined): Member | undefined {
    if (member === undefined || !this.#members.delete(member.connection)) return undefined;
    member.session[Symbol.dispose]();
    if (member !== this.#leader) return member;
    this.#leader = undefined;
    const others = [...this.#members.values()];
    const next = others.find(({ isStandby }) => !isStandby) ?? others[0];
    if (next === undefined) this.#parts.onPresence(false);
    else this.#lead(next);
    return member;
  }

  async #disconnected(connection: ProcessConnection): Promise<void> {
    const wasLeader = this.#members.get(connection) === this.#leader;
    const member = this.#lose(this.#members.get(connection));
    if (member === undefined || this.#closed) return;
    const { pid } = member;
    if (this.#children.has(pid)) await this.#returns.wait(pid, LOST_MS, () => this.#children.has(pid));
    else if (wasLeader) await this.#awaitHolder(pid, LOST_MS);
    else this.#fill();
  }

  /** Waits for a process of an earlier weftd that has the lock, and fills its place as soon as it has it no more. */
  async #awaitHolder(pid: number, ms: number): Promise<void> {
    const { files } = this.#parts;
    const isBack = await this.#returns.wait(pid, ms, () => runningProcess(files)?.pid === pid);
    if (isBack || this.#closed) return;
    this.#children.ended(pid, undefined, Number.POSITIVE_INFINITY);
    this.#fill();
  }

  /** A process that this weftd has started is over. */
  #ended(pid: number): void {
    this.#lose([...this.#members.values()].find((each) => each.pid === pid));
    this.#fill();
  }
}
