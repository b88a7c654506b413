import { setTimeout as sleep } from 'node:timers/promises';
import { WeftError } from '../../core/errors.ts';
import { TimeSlice } from '../../kernel/nftables/index.ts';
import type { Spreader } from './spreader.ts';

const ROUND_MS = 1000;
/** A change that is on its way to all namespaces goes first, but not for ever. */
const STEP_MS = 5;
const PATIENCE_MS = 500;

/**
 * Looks at every namespace once a second: whether somebody has changed its rules, which the kernel's own count of
 * changes tells in a few microseconds, and whether one still waits to be put in order. So no socket is needed to hear
 * of changes, of which our own would be the most.
 */
export class Rounds implements Disposable {
  readonly #spreader: Spreader;
  readonly #also: () => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param also what else to do once a round. */
  constructor(spreader: Spreader, also: () => void) {
    this.#spreader = spreader;
    this.#also = also;
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#round().finally(() => this.#schedule()), ROUND_MS).unref();
  }

  async #giveWay(slice: TimeSlice): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (this.#spreader.isSpreading && performance.now() < until) await sleep(STEP_MS);
    await slice.next();
  }

  async #round(): Promise<void> {
    this.#also();
    const slice = new TimeSlice();
    await this.#giveWay(slice);
    for (const member of this.#spreader.members()) {
      if (slice.over) await this.#giveWay(slice);
      if (member.gone || member.pending > 0) continue;
      if (member.keeper.has === undefined) this.#spreader.compare(member, 'timer');
      else if (isDisturbed(member.keeper)) this.#spreader.compare(member, 'timer');
    }
  }
}

function isDisturbed(keeper: { disturbed(): boolean }): boolean {
  try {
    return keeper.disturbed();
  } catch (error) {
    // What cannot be asked is read whole, which says why.
    if (error instanceof WeftError) return true;
    throw error;
  }
}
