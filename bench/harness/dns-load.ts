import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '../../test/lab/index.ts';
import { quantile } from './statistics.ts';

/** Where a container asks for names. */
const SERVER = '127.0.0.11';

/** What dnsperf (Debian's package, 2.10) is told. */
export interface LoadSettings {
  readonly seconds: number;
  /** Questions that wait for their answer at one time. */
  readonly outstanding: number;
  /** Queries a second at most; absent: as many as are answered. */
  readonly rate?: number;
}

export interface LoadResult {
  readonly perSecond: number;
  /** Never answered, or with anything but success. */
  readonly failed: number;
  /** Microseconds until the answer; only where each query is reported. */
  readonly p50: number;
  readonly p99: number;
}

/** Queries for the addresses of names, in turns, from inside a container's network namespace. */
export class DnsLoad implements Disposable {
  readonly #container: Container;
  readonly #questions: string;

  /** @param directory one that the host sees as well. */
  constructor(container: Container, names: readonly string[], directory: string) {
    this.#container = container;
    this.#questions = join(directory, `weft-questions-${container.id.slice(0, 12)}`);
    writeFileSync(this.#questions, names.map((name) => `${name} A\n`).join(''));
  }

  /** As fast as they are answered. */
  async flat(settings: LoadSettings): Promise<LoadResult> {
    return readResult(await this.#run(settings), []);
  }

  /** At a rate, with the time that each takes. */
  async paced(settings: LoadSettings & { readonly rate: number }): Promise<LoadResult> {
    const text = await this.#run(settings, '-v');
    const times = [...text.matchAll(/^> NOERROR \S+ A (\d+\.\d+)$/gm)].map((each) => Number(each[1]) * 1e6);
    return readResult(text, times);
  }

  [Symbol.dispose](): void {
    rmSync(this.#questions, { force: true });
  }

  #run({ seconds, outstanding, rate }: LoadSettings, ...more: readonly string[]): Promise<string> {
    const limit = rate === undefined ? [] : ['-Q', `${rate}`];
    const settings = ['-l', `${seconds}`, '-q', `${outstanding}`, '-c', '4', '-t', '1', ...limit, ...more];
    return this.#container.netExec(['dnsperf', '-s', SERVER, '-d', this.#questions, ...settings]);
  }
}

/** @throws {Error} when it is no report of dnsperf's. */
function readResult(text: string, times: readonly number[]): LoadResult {
  const field = (pattern: RegExp): number => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) throw new Error(`dnsperf says no ${pattern.source}: ${text.slice(-500)}`);
    return Number(found);
  };
  const sent = field(/Queries sent:\s+(\d+)/);
  const right = Number(/NOERROR (\d+)/.exec(text)?.[1] ?? 0);
  return {
    perSecond: field(/Queries per second:\s+([\d.]+)/),
    failed: sent - right,
    p50: times.length === 0 ? Number.NaN : quantile(times, 0.5),
    p99: times.length === 0 ? Number.NaN : quantile(times, 0.99),
  };
}
