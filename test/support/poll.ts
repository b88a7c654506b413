import { setTimeout as sleep } from 'node:timers/promises';
import { restAfterLook } from './look-again.ts';
import { PATIENCE } from './patience.ts';

/**
 * Waits until `condition` gives something other than undefined or false, and gives that.
 * @throws {Error} when it does not within `deadlineMs`.
 */
export async function poll<T>(
  condition: () => T | Promise<T>,
  deadlineMs = 5000,
): Promise<Exclude<T, undefined | false>> {
  const until = performance.now() + deadlineMs * PATIENCE;
  for (;;) {
    const began = performance.now();
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    const now = performance.now();
    if (now > until) throw new Error(`not so within ${deadlineMs} ms: ${condition}`);
    await sleep(restAfterLook(now - began, 5));
  }
}
