import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { childrenOf, ended, signalProcess } from './command.ts';
import { until } from './until.ts';

/** How long a process of the lab may take to end after a signal, unless the caller says otherwise. */
const END_MS = 30_000;

/** A program running inside a host or machine, with everything it has written so far. */
export class LabProcess {
  /** The program's own process, as this process numbers it (inside the host it has another number). */
  readonly pid: number;
  /** Lines it wrote, standard output and error mixed, oldest first. */
  readonly lines: readonly string[];
  readonly #child: ChildProcess;
  readonly #name: string;

  private constructor(name: string, child: ChildProcess, pid: number, lines: readonly string[]) {
    this.#name = name;
    this.#child = child;
    this.pid = pid;
    this.lines = lines;
  }

  /**
   * Starts `argv` behind `enter` (an nsenter that makes one child). It does not keep this process alive.
   * @throws {Error} when it has ended before it was seen running.
   */
  static async start(
    enter: readonly string[],
    argv: readonly string[],
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): Promise<LabProcess> {
    const [program = '', ...args] = [...enter, ...argv];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const lines: string[] = [];
    collect(child.stdout, lines);
    collect(child.stderr, lines);
    child.unref();
    const name = argv.join(' ');
    const parent = child.pid;
    const pid = await until(`${name} runs`, () => {
      if (parent === undefined || child.exitCode !== null) return -1;
      return childrenOf(parent)[0];
    });
    if (pid === -1) throw new Error(`${name} ended at once: ${lines.join('\n')}`);
    return new LabProcess(name, child, pid, lines);
  }

  /** True until the program has ended. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends a signal to the program itself; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) signalProcess(this.pid, signal);
  }

  /**
   * Waits for the end and gives the exit code (128 when a signal ended it).
   * @throws {Error} with its last lines when it still runs after `timeoutMs`.
   */
  async end(timeoutMs = END_MS): Promise<number> {
    if (this.running) {
      await until(`${this.#name} ends`, () => !this.running, { timeoutMs }).catch((error: unknown) => {
        throw new Error(`${this.#name} does not end: ${this.tail()}`, { cause: error });
      });
    }
    return ended(this.#child);
  }

  /** Sends SIGTERM (or `signal`) and waits for the end; gives the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = END_MS): Promise<number> {
    this.signal(signal);
    return this.end(timeoutMs);
  }

  /** Ends it with SIGKILL and waits until it is gone. */
  async kill9(): Promise<void> {
    await this.stop('SIGKILL');
  }

  /**
   * Waits for the first line, also among those written already, for which `matches` holds.
   * @throws {Error} with its last lines when none came in time or it ended without one.
   */
  async line(what: string, matches: (line: string) => boolean, timeoutMs = 15_000): Promise<string> {
    const found = await until(what, () => this.lines.find(matches) ?? (this.running ? undefined : null), {
      timeoutMs,
    }).catch((error: unknown) => {
      throw new Error(`${this.#name}: no line that says ${what}: ${this.tail()}`, { cause: error });
    });
    if (found === null) throw new Error(`${this.#name} ended before ${what}: ${this.tail()}`);
    return found;
  }

  /** Its last 30 lines, for messages. */
  tail(): string {
    return this.lines.slice(-30).join('\n');
  }
}

function collect(stream: Readable, lines: string[]): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  stream.on('end', () => {
    if (rest !== '') lines.push(rest);
  });
  if (stream instanceof Socket) stream.unref();
}
