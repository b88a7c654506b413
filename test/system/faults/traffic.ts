import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { diesWithUs } from '../../support/dies-with-us.ts';
import { poll } from '../../support/poll.ts';

/** What became of pings every 20 ms and of one TCP connection with a line every 20 ms. */
export interface TrafficTotals {
  readonly pings: { readonly sent: number; readonly received: number };
  readonly stream: {
    readonly sent: number;
    readonly echoed: number;
    readonly longestMs: number;
    readonly failure: string;
  };
}

/** A program of the machine with what it has written so far. */
export interface Running {
  readonly child: ChildProcess;
  output(): string;
}

/** Starts a program behind the arguments that put it where it belongs. It ends when this process does. */
export function start(enter: readonly string[], argv: readonly string[]): Running {
  const [program, ...args] = diesWithUs([...enter, ...argv]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) if (pipe instanceof Socket) pipe.unref();
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { child, output: () => output };
}

/** Waits for the end of a program. */
export async function finished({ child, output }: Running): Promise<string> {
  await poll(() => child.exitCode !== null || child.signalCode !== null, 15_000);
  await poll(() => child.stdout?.closed === true);
  return output();
}

/** Steady traffic whose totals are asked for at the end: any loss shows, however short. */
export class Traffic {
  readonly #ping: Running;
  readonly #stream: Running;

  private constructor(ping: Running, stream: Running) {
    this.#ping = ping;
    this.#stream = stream;
  }

  /**
   * Starts pings and the stream, each once its target answers.
   * @param ping where pings start (arguments before a program) and where they go.
   * @param stream where the TCP client runs and what it connects to.
   */
  static async start(
    ping: { readonly enter: readonly string[]; readonly to: string },
    stream: { readonly enter: readonly string[]; readonly host: string; readonly port: number },
  ): Promise<Traffic> {
    const reached = async (): Promise<boolean> => {
      const once = start(ping.enter, ['ping', '-c', '1', '-W', '1', ping.to]);
      await finished(once);
      return once.child.exitCode === 0;
    };
    await poll(reached, 10_000);
    const program = join(import.meta.dirname, 'stream-client.ts');
    const client = start(stream.enter, [process.execPath, program, stream.host, String(stream.port)]);
    await poll(() => client.output().includes('connected'), 10_000);
    return new Traffic(start(ping.enter, ['ping', '-i', '0.02', ping.to]), client);
  }

  /** Ends it and says what became of it. */
  async stop(): Promise<TrafficTotals> {
    this.#ping.child.kill('SIGINT');
    this.#stream.child.stdin?.end();
    const [pings, stream] = await Promise.all([finished(this.#ping), finished(this.#stream)]);
    return {
      pings: pingTotals(pings),
      stream: JSON.parse(stream.trim().split('\n').at(-1) ?? ''),
    };
  }
}

/**
 * What ping said, without the request that may have been under way when it was stopped.
 * @throws {Error} when nothing was answered.
 */
export function pingTotals(output: string): TrafficTotals['pings'] {
  const answered = new Set(
    Array.from(output.matchAll(/icmp_seq=(\d+) ttl=/g), ([, number]) => Number(number)),
  );
  const sent = /(\d+) packets transmitted/.exec(output)?.[1];
  if (sent === undefined || answered.size === 0) throw new Error(`ping said: ${output.slice(-500)}`);
  return { sent: answered.has(Number(sent)) ? Number(sent) : Number(sent) - 1, received: answered.size };
}
