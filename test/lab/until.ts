import { setTimeout as delay } from 'node:timers/promises';
import { restAfterLook } from '../support/look-again.ts';
import { PATIENCE } from '../support/patience.ts';

/** How long and how often {@link until} looks. */
export interface UntilOptions {
  /** Milliseconds after which it gives up; 10,000 if absent. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks, more where a look takes long; 20 if absent. */
  readonly intervalMs?: number;
}

/**
 * Looks again and again until `look` gives something other than `undefined` or `false`, and gives that.
 * An error thrown by `look` counts as "not yet"; the last one is the cause of the failure.
 * @throws {Error} naming `what` when the time is over.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  options: UntilOptions = {},
): Promise<T> {
  const { intervalMs = 20 } = options;
  const timeoutMs = (options.timeoutMs ?? 10_000) * PATIENCE;
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const began = performance.now();
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = undefined;
    } catch (error) {
      last = error;
    }
    const now = performance.now();
    if (now > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: last });
    }
    await delay(restAfterLook(now - began, intervalMs));
  }
}
