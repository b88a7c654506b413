import { channel } from 'node:diagnostics_channel';
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Where weftd can be made to die, told by its environment:
 *   WEFT_FAULT_AT=N           at the N-th point after its start (from 1)
 *   WEFT_FAULT_COUNT=FILE     nowhere; the points passed are written to FILE, one a line
 *   WEFT_FAULT_ARM=FILE       only while FILE exists: it holds N, or 0 to write the points passed to FILE.points
 *   WEFT_DELAY=METHOD:MS      before the first commit of a call of METHOD it waits MS milliseconds, once
 */

/** What the name of a point after a commit to the store begins with. */
export const STORED = 'stored ';

/** The points of one run of weftd. */
export class FaultPoints {
  readonly #at = Number(process.env['WEFT_FAULT_AT'] ?? 0);
  readonly #count = process.env['WEFT_FAULT_COUNT'];
  readonly #arm = process.env['WEFT_FAULT_ARM'];
  #passed = 0;
  #delay: { readonly ms: number } | undefined;

  constructor() {
    const [method, ms] = (process.env['WEFT_DELAY'] ?? '').split(':');
    if (method === undefined || method === '') return;
    const onRequest = (message: unknown): void => {
      if ((message as { request: { url: string } }).request.url !== `/${method}`) return;
      channel('http.server.request.start').unsubscribe(onRequest);
      this.#delay = { ms: Number(ms) };
    };
    channel('http.server.request.start').subscribe(onRequest);
  }

  /** Whether points count now. */
  get armed(): boolean {
    return this.#orders() !== undefined;
  }

  /** Dies here if this is the point; `name` says where it is. */
  pass(name: string): void {
    const orders = this.#orders();
    if (orders === undefined) return;
    if (orders.countIn !== undefined) appendFileSync(orders.countIn, `${name}\n`);
    else if (++this.#passed === orders.at) process.kill(process.pid, 'SIGKILL');
  }

  /** Waits if the call that WEFT_DELAY names has come. */
  async delay(): Promise<void> {
    const delay = this.#delay;
    if (delay === undefined) return;
    this.#delay = undefined;
    process.stderr.write('{"msg":"delayed"}\n');
    await sleep(delay.ms);
  }

  #orders(): { readonly at: number; readonly countIn?: string } | undefined {
    if (this.#count !== undefined) return { at: 0, countIn: this.#count };
    if (this.#at > 0) return { at: this.#at };
    if (this.#arm === undefined) return undefined;
    try {
      const at = Number(readFileSync(this.#arm, 'utf8'));
      return at === 0 ? { at, countIn: `${this.#arm}.points` } : { at };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
