/** Time that does not come: the last millisecond a Date can show, so that it survives JSON. */
export const NEVER = 8_640_000_000_000_000;

/** Lease time that stands for ever (RFC 2131 section 3.3). */
const INFINITE_S = 0xffffffff;
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 64_000;
const MOST_JITTER_MS = 1000;
/** Renewals are not repeated faster (RFC 2131 section 4.4.5). */
const LEAST_RENEWAL_WAIT_MS = 60_000;

/**
 * How long to wait for an answer before a message is repeated: doubled each time up to 64 s, and by up to 1 s longer or
 * shorter so that clients drift apart. RFC 2131 section 4.1, but it begins with 1 s, not 4: Docker waits for an address
 * for 14 s at most, in which 4 s would leave two tries.
 * @param attempt from 0. @param jitter from −1 up to 1.
 */
export function retryDelay(attempt: number, jitter: number): number {
  const base = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.round(base + jitter * Math.min(MOST_JITTER_MS, base / 4));
}

/** When to repeat a renewal: half of what is left, 60 s at least, at `until` at the latest (section 4.4.5). */
export function renewalRetry(now: number, until: number): number {
  return Math.min(until, now + Math.max(LEAST_RENEWAL_WAIT_MS, (until - now) / 2));
}

/** When a lease is to be renewed, rebound and over; milliseconds since the epoch. */
export interface LeaseTimes {
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly expiresAt: number;
}

/**
 * The times of a lease, counted from when it was asked for (section 4.4.1), with the defaults of section 4.4.5 for T1
 * and T2 that are missing or make no sense.
 * @param seconds at least 1. @param jitter from −1 up to 1: default times are spread a little, as section 4.4.5 wants.
 */
export function leaseTimes(
  askedAt: number,
  seconds: number,
  given: { readonly t1?: number; readonly t2?: number },
  jitter: number,
): LeaseTimes {
  if (seconds === INFINITE_S) return { renewAt: NEVER, rebindAt: NEVER, expiresAt: NEVER };
  const makesSense = (value: number | undefined, below: number): value is number =>
    value !== undefined && value > 0 && value < below;
  const t2 = makesSense(given.t2, seconds) ? given.t2 : seconds * 0.875;
  const t1 = makesSense(given.t1, t2) ? given.t1 : Math.min(t2, seconds * 0.5) * (1 + jitter * 0.02);
  const at = (after: number) => askedAt + Math.round(after * 1000);
  return { renewAt: at(Math.min(t1, t2)), rebindAt: at(t2), expiresAt: at(seconds) };
}
