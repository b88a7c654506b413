import type { Ip } from '../../core/address.ts';
import type { IfName } from '../../core/ids.ts';
import type { AddressHolder, Clock } from '../../core/ports.ts';

/**
 * How long nobody's having an address holds, if nobody has it at a last brief look either. Whoever that misses is met as
 * one who takes it later: it hears the container's announcement, and has its own detection.
 */
const HOLDS_MS = 60_000;

type Ask = (dev: IfName, ip: Ip, how?: 'briefly') => Promise<AddressHolder | undefined>;

interface Asked {
  readonly at: number;
  /** `failed`: the LAN could not be asked. */
  readonly answer: Promise<AddressHolder | 'failed' | undefined>;
}

/**
 * Asks LANs about addresses that will probably be given next, so that a container does not wait for the answer. Each
 * answer serves once.
 */
export class AskedAhead {
  readonly #ask: Ask;
  readonly #clock: Clock;
  /** By device and address, in the order in which they were asked. */
  readonly #asked = new Map<string, Asked>();

  constructor(ask: Ask, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Asks about those that have not been asked about lately. */
  expect(dev: IfName, ips: readonly Ip[]): void {
    this.#forgetOld();
    for (const ip of ips) {
      const key = `${dev} ${ip}`;
      if (this.#asked.has(key)) continue;
      const answer = this.#ask(dev, ip).catch(() => 'failed' as const);
      this.#asked.set(key, { at: this.#clock.now(), answer });
    }
  }

  /** Who has an address. @throws {Error} what asking throws. */
  async holderOf(dev: IfName, ip: Ip): Promise<AddressHolder | undefined> {
    this.#forgetOld();
    const key = `${dev} ${ip}`;
    const known = await this.#asked.get(key)?.answer;
    const wasFree = this.#asked.delete(key) && known === undefined;
    if (wasFree) return this.#ask(dev, ip, 'briefly');
    return known === undefined || known === 'failed' ? this.#ask(dev, ip) : known;
  }

  #forgetOld(): void {
    const since = this.#clock.now() - HOLDS_MS;
    for (const [key, { at }] of this.#asked) {
      if (at >= since) break;
      this.#asked.delete(key);
    }
  }
}
