/** Milliseconds between two looks at the most. */
const SELDOM_MS = 200;
/** How many times as long as a look takes. */
const REST = 3;

/**
 * When to look again for something that is not yet so: looking must not take the processor from what is waited for, and
 * a look that runs programs takes as much as a container's start.
 * @param tookMs how long the last look took.
 * @returns milliseconds.
 */
export function restAfterLook(tookMs: number, atLeastMs: number): number {
  return Math.max(atLeastMs, Math.min(REST * tookMs, SELDOM_MS));
}
