import type { CommandResult } from './command.ts';
import { Container } from './container.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './lab-process.ts';
import type { Machine } from './machine.ts';
import { until } from './until.ts';

/** From where traffic is sent: a container's network namespace, a host, or a machine of the LAN. */
export type TrafficSource = Container | Host | Machine;

/** What became of the echo requests of a {@link Pinger}. */
export interface PingTotals {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  /** Longest time without a reply, in milliseconds; the time from the last reply to the end counts. */
  readonly longestGapMs: number;
  /** Requests that ping could not even send, by its own count of complaints. */
  readonly complaints: readonly string[];
}

/** An answer may still be under way when ping is stopped: what was sent later than this before the end is not judged. */
const UNDER_WAY_MS = 200;

/** Starts a program of the machine at a source of traffic. */
export function spawnAt(from: TrafficSource, argv: readonly string[]): Promise<LabProcess> {
  return from instanceof Container ? from.netSpawn(argv) : from.spawn(argv);
}

function tryAt(from: TrafficSource, argv: readonly string[]): Promise<CommandResult> {
  return from instanceof Container ? from.tryNetExec(argv) : from.tryExec(argv);
}

/** Echo requests at a steady pace, told apart by sequence number, so that any loss shows, however short. */
export class Pinger {
  readonly #ping: LabProcess;
  readonly #intervalMs: number;

  private constructor(ping: LabProcess, intervalMs: number) {
    this.#ping = ping;
    this.#intervalMs = intervalMs;
  }

  /**
   * Starts once `to` (either family) answers.
   * @throws {Error} when it has not answered after `patienceMs` (10,000 if absent).
   */
  static async start(
    from: TrafficSource,
    to: string,
    options: { readonly intervalMs?: number; readonly patienceMs?: number } = {},
  ): Promise<Pinger> {
    const { intervalMs = 20, patienceMs = 10_000 } = options;
    const what = `${to} answers ${from.name}`;
    const once = async () => (await tryAt(from, ['ping', '-nc1', '-W1', to])).code === 0;
    await until(what, once, { timeoutMs: patienceMs });
    const pace = String(intervalMs / 1000);
    const ping = await spawnAt(from, ['ping', '-nD', '-i', pace, to]);
    await ping.line(what, (line) => line.includes('icmp_seq='));
    return new Pinger(ping, intervalMs);
  }

  /** Sequence number of the newest reply so far. */
  get newest(): number {
    return replies(this.#ping.lines).at(-1)?.sequence ?? 0;
  }

  /**
   * Waits for a reply to a request sent from now on: the path works again.
   * @returns milliseconds waited.
   */
  async nextReply(timeoutMs = 30_000): Promise<number> {
    const started = performance.now();
    const seen = this.#ping.lines.length;
    await until('the next reply', () => replies(this.#ping.lines.slice(seen)).length > 1, {
      timeoutMs,
      intervalMs: 5,
    });
    return performance.now() - started;
  }

  /** Ends it and says what became of it. */
  async stop(): Promise<PingTotals> {
    const endedAt = Date.now();
    await this.#ping.stop('SIGINT');
    return pingTotals(this.#ping.lines, endedAt, this.#intervalMs);
  }
}

interface Reply {
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

function replies(lines: readonly string[]): Reply[] {
  return lines.flatMap((line) => {
    const [, at, sequence] = /^\[(\d+\.\d+)\] .*icmp_seq=(\d+) (?:ttl|hop limit)=/.exec(line) ?? [];
    return at === undefined ? [] : [{ sequence: Number(sequence), at: Number(at) * 1000 }];
  });
}

/**
 * Counts what ping with `-D` wrote. Sequence numbers begin anew after 65,535; two equal ones in a row are one reply.
 * @param endedAt when it was stopped, milliseconds since the epoch.
 * @throws {Error} when nothing was answered, or ping said no totals.
 */
export function pingTotals(lines: readonly string[], endedAt: number, intervalMs: number): PingTotals {
  const answered: number[] = [];
  let rounds = 0;
  let before = 0;
  let longestGapMs = 0;
  let last: number | undefined;
  for (const { sequence, at } of replies(lines)) {
    if (before - sequence > 32_768) rounds += 1;
    before = sequence;
    answered.push(rounds * 65_536 + sequence);
    if (last !== undefined) longestGapMs = Math.max(longestGapMs, at - last);
    last = at;
  }
  const totals = lines.findLast((line) => line.includes('packets transmitted'));
  const transmitted = Number(/^(\d+) packets/.exec(totals ?? '')?.[1]);
  if (last === undefined || Number.isNaN(transmitted)) {
    throw new Error(`ping said: ${lines.slice(-10).join('\n')}`);
  }
  const newest = Math.max(...answered.slice(-100));
  const unjudged = Math.min(transmitted - newest, Math.ceil(UNDER_WAY_MS / intervalMs));
  const sent = transmitted - Math.max(0, unjudged);
  const received = new Set(answered).size;
  return {
    sent,
    received,
    lost: sent - received,
    longestGapMs: Math.round(Math.max(longestGapMs, endedAt - last)),
    complaints: lines.filter((line) => /unreachable|sendmsg|error/i.test(line)).slice(0, 5),
  };
}
