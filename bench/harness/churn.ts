import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../../test/lab/index.ts';
import { EngineConnection } from './engine-connection.ts';

/** Starts at the same time at most: a machine that cannot keep the pace falls behind, it does not drown. */
const AT_ONCE = 8;

/** What a {@link Churn} came to. */
export interface ChurnTotals {
  readonly starts: number;
  readonly startsPerSecond: number;
}

/** Containers that start and end on a network at a steady pace, as a restless host has them. */
export class Churn {
  readonly #stopping = new AbortController();
  readonly #workers: Promise<unknown>;
  readonly #begun = performance.now();
  #starts = 0;

  private constructor(host: Host, network: string, startsPerSecond: number) {
    const worker = (number: number) => this.#work(host, network, number, startsPerSecond / AT_ONCE);
    this.#workers = Promise.all(Array.from({ length: AT_ONCE }, (_, number) => worker(number)));
    // Whoever stops it learns of a failure.
    this.#workers.catch(() => this.#stopping.abort());
  }

  /** Begins at once, and goes on until it is stopped. */
  static start(host: Host, network: string, startsPerSecond: number): Churn {
    return new Churn(host, network, startsPerSecond);
  }

  /** Ends it, with its containers removed. @throws {Error} when a container did not start. */
  async stop(): Promise<ChurnTotals> {
    const seconds = (performance.now() - this.#begun) / 1000;
    const starts = this.#starts;
    this.#stopping.abort();
    await this.#workers;
    return { starts, startsPerSecond: starts / seconds };
  }

  async #work(host: Host, network: string, number: number, startsPerSecond: number): Promise<void> {
    await using connection = new EngineConnection(host);
    const name = `churn-${network}-${number}`;
    const container = await connection.docker.createContainer({ network, name });
    const everyMs = 1000 / startsPerSecond;
    let next = performance.now() + (everyMs * number) / AT_ONCE;
    while (!this.#stopping.signal.aborted) {
      await delay(Math.max(0, next - performance.now()));
      next = Math.max(next + everyMs, performance.now());
      await container.start();
      this.#starts += 1;
      await container.kill();
      await container.wait();
    }
    await container.remove();
  }
}
