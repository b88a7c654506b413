import { join } from 'node:path';
import type { Container } from './container.ts';
import type { LabProcess } from './lab-process.ts';
import { CHECKOUT, NODE } from './paths.ts';
import { spawnAt, type TrafficSource } from './pinger.ts';

/** What became of one TCP connection with a line every 20 ms, echoed. */
export interface StreamTotals {
  readonly sent: number;
  readonly echoed: number;
  /** Longest time between two echoes, in milliseconds. */
  readonly longestMs: number;
  /** Why it ended early; empty when it did not. */
  readonly failure: string;
}

/** Where the echo servers listen, each on its own port, so that a container may have several. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;
let probes = 0;

/** A TCP connection that stays open over a fault: it may stall, it may not break. */
export class StreamProbe {
  readonly #client: LabProcess;
  readonly #server: LabProcess;

  private constructor(client: LabProcess, server: LabProcess) {
    this.#client = client;
    this.#server = server;
  }

  /** Starts an echo server beside `to`'s programs and connects to it at `address`, one of `to`'s. */
  static async start(from: TrafficSource, to: Container, address: string): Promise<StreamProbe> {
    const port = FIRST_PORT + (probes++ % PORTS);
    const family = address.includes(':') ? 'TCP6' : 'TCP4';
    const server = await to.netSpawn(['socat', '-d', '-d', `${family}-LISTEN:${port},reuseaddr`, 'PIPE']);
    await server.line('listening', (line) => line.includes('listening on'));
    const program = join(CHECKOUT, 'test/system/faults/stream-client.ts');
    const client = await spawnAt(from, [NODE, program, address, String(port), 'until-signalled']);
    await client.line('connected', (line) => line === 'connected');
    return new StreamProbe(client, server);
  }

  /** Ends it and says what became of it. */
  async stop(): Promise<StreamTotals> {
    await this.#client.stop();
    await this.#server.kill9();
    return JSON.parse(this.#client.lines.findLast((line) => line.startsWith('{')) ?? '') as StreamTotals;
  }
}
