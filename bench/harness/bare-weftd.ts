import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CHECKOUT,
  createMachine,
  createUnderlay,
  type LabProcess,
  type Machine,
} from '../../test/lab/index.ts';

const STATE_DIR = '/run/weft-state';
const TICKS_A_SECOND = 100;

/** What a process uses now. */
export interface Usage {
  /** Resident memory in MB (10^6 bytes). */
  readonly rssMb: number;
  /** Processor seconds since it started. */
  readonly cpuSeconds: number;
}

/** A weftd on a machine without Docker, whose sockets this process can reach. */
export class BareWeftd implements AsyncDisposable {
  readonly machine: Machine;
  readonly #stack: AsyncDisposableStack;
  #process: LabProcess;

  private constructor(machine: Machine, stack: AsyncDisposableStack, process: LabProcess) {
    this.machine = machine;
    this.#stack = stack;
    this.#process = process;
  }

  /** Makes a machine and starts weftd there. @throws {Error} when it does not come up. */
  static async boot(): Promise<BareWeftd> {
    await using stack = new AsyncDisposableStack();
    const machine = await createMachine(stack.use(await createUnderlay()));
    const { process } = await startIn(machine);
    return new BareWeftd(machine, stack.move(), process);
  }

  /** A path on the machine as this process can open it. */
  path(inside: string): string {
    return join(`/proc/${this.#process.pid}/root`, inside);
  }

  /** Its log so far, one JSON text a line. */
  get logs(): readonly string[] {
    return this.#process.lines;
  }

  /** Ends it and starts it again on the same store and kernel; seconds from the new process to its "ready". */
  async restart(): Promise<number> {
    await this.#process.stop();
    const { process, seconds } = await startIn(this.machine);
    this.#process = process;
    return seconds;
  }

  /** What it uses now, from /proc. */
  usage(): Usage {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
    return {
      rssMb: (kib * 1024) / 1e6,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#stack.disposeAsync();
  }
}

async function startIn(
  machine: Machine,
): Promise<{ readonly process: LabProcess; readonly seconds: number }> {
  const started = Date.now();
  const argv = [join(CHECKOUT, 'scripts/weftd'), '--state-dir', STATE_DIR, '--docker', 'none'];
  const process = await machine.spawn(argv);
  const line = await process.line('ready', (text) => /"msg"\s*:\s*"ready"/.test(text), 60_000);
  const { time } = JSON.parse(line) as { readonly time: number | string };
  return { process, seconds: (new Date(time).getTime() - started) / 1000 };
}
