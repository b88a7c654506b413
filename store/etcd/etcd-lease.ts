import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, NotFound } from '../../core/errors.ts';
import type { Lease } from '../../core/ports.ts';
import type { StoreLog } from '../log.ts';
import { decodeLease } from './answer.ts';
import type { Gateway } from './gateway.ts';

/** How soon after a failed keep-alive the next one is tried. */
const RETRY_MS = 500;

/**
 * A lease that is kept alive at a third of its time. While etcd does not answer it is not given up: whether it has
 * ended is known when etcd answers again.
 */
export class EtcdLease implements Lease {
  readonly id: bigint;
  readonly #gateway: Gateway;
  readonly #log: StoreLog;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  readonly #ends = new AbortController();
  readonly #onEnd: () => void;
  #disposed: Promise<void> | undefined;

  private constructor(
    gateway: Gateway,
    granted: { readonly id: bigint; readonly ttl: number },
    log: StoreLog,
    onEnd: () => void,
  ) {
    this.#gateway = gateway;
    this.#log = log;
    this.#onEnd = onEnd;
    this.id = granted.id;
    this.#ttlMs = granted.ttl * 1000;
    void this.#keepAlive();
  }

  /**
   * @param seconds etcd may give more, when its elections take longer.
   * @throws {Unavailable}
   */
  static async grant(
    gateway: Gateway,
    seconds: number,
    log: StoreLog,
    onEnd: (lease: EtcdLease) => void,
  ): Promise<EtcdLease> {
    // Repeatable: a lease whose answer was lost ends by itself.
    const body = { TTL: String(seconds) };
    const answer = await gateway.post({
      path: 'lease/grant',
      body,
      doing: 'grant a lease',
      repeatable: true,
    });
    const lease: EtcdLease = new EtcdLease(gateway, decodeLease(answer), log, () => onEnd(lease));
    return lease;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Stops keeping it alive without ending it, as the end of the process would. */
  abandon(): void {
    this.#ends.abort();
  }

  /** Ends it, or leaves that to time when etcd does not answer. Repeating does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#revoke();
    await this.#disposed;
  }

  async #revoke(): Promise<void> {
    this.#ends.abort();
    this.#onEnd();
    if (this.lost.aborted) return;
    try {
      const body = { ID: String(this.id) };
      await this.#gateway.post({ path: 'lease/revoke', body, doing: 'end a lease', repeatable: true });
    } catch (error) {
      // Ended already, perhaps by the first of two requests of which one answer was lost.
      if (error instanceof NotFound) return;
      this.#log.warn({ err: errorMessage(error) }, 'lease not ended; it ends by itself');
    }
  }

  async #keepAlive(): Promise<void> {
    let waitMs = this.#ttlMs / 3;
    while (await this.#wait(waitMs)) {
      const outcome = await this.#renew();
      if (this.#ends.signal.aborted) return;
      if (outcome instanceof NotFound) return this.#lose(outcome);
      if (outcome !== undefined) {
        this.#log.warn({ err: errorMessage(outcome) }, 'lease not renewed; trying again');
      }
      waitMs = outcome === undefined ? this.#ttlMs / 3 : Math.min(RETRY_MS, this.#ttlMs / 3);
    }
  }

  /** What went wrong, if anything. */
  async #renew(): Promise<unknown> {
    try {
      const body = { ID: String(this.id) };
      const request = { path: 'lease/keepalive', body, doing: 'keep a lease', repeatable: true };
      const { ttl } = decodeLease(await this.#gateway.post(request));
      return ttl > 0 ? undefined : new NotFound(`lease ${this.id} has ended`);
    } catch (error) {
      return error;
    }
  }

  #lose(error: NotFound): void {
    this.#onEnd();
    this.#lost.abort(error);
  }

  /** False when the lease is not to be kept any more. */
  async #wait(ms: number): Promise<boolean> {
    const { signal } = this.#ends;
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return !signal.aborted;
  }
}
