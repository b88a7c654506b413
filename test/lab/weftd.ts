import { join } from 'node:path';
import { BUILT, programPath } from '../support/programs.ts';
import { LabProcess } from './lab-process.ts';
import { CHECKOUT, NODE } from './paths.ts';

/** What weftd is started with inside a host. */
export interface WeftdOptions {
  /** Arguments after the entry file. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `--state-dir`, unless `args` has one. */
  readonly stateDir: string;
  /** Arguments before a program that put it into the host's namespaces. */
  readonly enter: readonly string[];
}

/** One run of this checkout's weftd inside a host. */
export class Weftd {
  /** The process as the test numbers it: to signal it, or to read its /proc entries. */
  readonly pid: number;
  readonly #process: LabProcess;

  private constructor(process: LabProcess) {
    this.#process = process;
    this.pid = process.pid;
  }

  /** Starts it and does not wait for anything. */
  static async start(options: WeftdOptions): Promise<Weftd> {
    const { args, env, stateDir, enter } = options;
    const hasState = args.some((arg) => arg === '--state-dir' || arg.startsWith('--state-dir='));
    // The launcher keeps what node compiles of the sources.
    const weftd = BUILT === undefined ? [join(CHECKOUT, 'scripts/weftd')] : [NODE, programPath('weftd')];
    const argv = [...weftd, ...(hasState ? [] : ['--state-dir', stateDir]), ...args];
    return new Weftd(await LabProcess.start(enter, argv, { ...process.env, ...env }));
  }

  /** True until it has ended. */
  get running(): boolean {
    return this.#process.running;
  }

  /** What it has logged so far, one JSON text a line. */
  get logs(): readonly string[] {
    return this.#process.lines;
  }

  /**
   * Waits for the log line with `"msg":"ready"`.
   * @throws {Error} with its last lines when it ends first, or does not come in 15 s.
   */
  async waitReady(timeoutMs = 15_000): Promise<void> {
    await this.waitLog('ready', (line) => /"msg"\s*:\s*"ready"/.test(line), timeoutMs);
  }

  /** Waits for a log line, also among those logged already, for which `matches` holds. */
  waitLog(what: string, matches: (line: string) => boolean, timeoutMs = 15_000): Promise<string> {
    return this.#process.line(what, matches, timeoutMs);
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** Sends SIGTERM (or `signal`), waits for the end and gives the exit code (128 when a signal ended it). */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    return this.#process.stop(signal);
  }

  /** Ends it with SIGKILL and waits until it is gone. */
  kill9(): Promise<void> {
    return this.#process.kill9();
  }

  /** Waits until it ends by itself and gives the exit code. */
  end(timeoutMs?: number): Promise<number> {
    return this.#process.end(timeoutMs);
  }
}
