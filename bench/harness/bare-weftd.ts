import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CHECKOUT,
  createMachine,
  createUnderlay,
  type LabProcess,
  type Machine,
} from '../../test/lab/index.ts';
import { residentMb } from './resident-mb.ts';

const STATE_DIR = '/run/weft-state';
const START_MS = 60_000;
const TICKS_A_SECOND = 100;

/** What a process uses now. */
export interface Usage {
  /** Resident memory in MB (10^6 bytes). */
  readonly rssMb: number;
  /** Processor seconds since it started. */
  readonly cpuSeconds: number;
}

/** Where and how a weftd runs. */
export interface BareWeftdOptions {
  /** Disposed of by the caller. Absent: one on a LAN of its own. */
  readonly machine?: Machine;
  /** More arguments. */
  readonly args?: readonly string[];
  /** A folder that this process sees as well. Absent: one on the machine. */
  readonly stateDir?: string;
}

/** A weftd on a machine without Docker, whose sockets this process can reach. */
export class BareWeftd implements AsyncDisposable {
  readonly machine: Machine;
  readonly #stack: AsyncDisposableStack;
  readonly #argv: readonly string[];
  #process: LabProcess;

  private constructor(
    machine: Machine,
    stack: AsyncDisposableStack,
    argv: readonly string[],
    process: LabProcess,
  ) {
    this.machine = machine;
    this.#stack = stack;
    this.#argv = argv;
    this.#process = process;
  }

  /** Makes a machine, unless one is given, and starts weftd there. @throws {Error} when it does not come up. */
  static async boot(options: BareWeftdOptions = {}): Promise<BareWeftd> {
    await using stack = new AsyncDisposableStack();
    const machine = options.machine ?? (await createMachine(stack.use(await createUnderlay())));
    const argv = [
      ...[join(CHECKOUT, 'scripts/weftd'), '--state-dir', options.stateDir ?? STATE_DIR],
      ...['--docker', 'none', ...(options.args ?? [])],
    ];
    const process = await machine.spawn(argv);
    await readySeconds(process, Date.now());
    return new BareWeftd(machine, stack.move(), argv, process);
  }

  /** A path on the machine as this process can open it. */
  path(inside: string): string {
    return this.machine.path(inside);
  }

  /** Its log so far, one JSON text a line. */
  get logs(): readonly string[] {
    return this.#process.lines;
  }

  /** When it logged a message since its start, in milliseconds since the epoch. @throws {Error} when it has not. */
  loggedAt(message: string): number {
    const line = this.logs.find((text) => text.includes(`"msg":"${message}"`));
    if (line === undefined) throw new Error(`weftd did not log "${message}"`);
    const { time } = JSON.parse(line) as { readonly time: string };
    return new Date(time).getTime();
  }

  /** Ends it and starts it again on the same store and kernel; seconds from the new process to its "ready". */
  async restart(): Promise<number> {
    await this.stop();
    return this.start();
  }

  /** Ends it; `start` is all that may follow. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  /**
   * Starts it after `stop`; seconds from the new process to its "ready".
   * @param meanwhile is called as soon as the process runs.
   */
  async start(meanwhile: () => void = () => undefined): Promise<number> {
    const started = Date.now();
    this.#process = await this.machine.spawn(this.#argv);
    meanwhile();
    return readySeconds(this.#process, started);
  }

  /** What it uses now, from /proc. */
  usage(): Usage {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      rssMb: residentMb(this.#process.pid),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#stack.disposeAsync();
  }
}

/** @param started milliseconds since the epoch. */
async function readySeconds(process: LabProcess, started: number): Promise<number> {
  const line = await process.line('ready', (text) => /"msg"\s*:\s*"ready"/.test(text), START_MS);
  const { time } = JSON.parse(line) as { readonly time: number | string };
  return (new Date(time).getTime() - started) / 1000;
}
