/** The middle and the slow end of a series of measurements, in its unit. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  /** How many measurements it comes from. */
  readonly count: number;
}

/**
 * The value below which the fraction `q` of the values lies, interpolated between neighbours.
 * @throws {RangeError} when there is no value.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError('no values');
  return low + (high - low) * (at - Math.floor(at));
}

/** @throws {RangeError} when there is no value. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @throws {RangeError} when there is no value. */
export function spreadOf(values: readonly number[]): Spread {
  return { p50: median(values), p99: quantile(values, 0.99), count: values.length };
}

/** Each value minus the one measured in the same round: what drifts between rounds cancels out. */
export function differences(values: readonly number[], from: readonly number[]): readonly number[] {
  return values.map((value, round) => value - (from[round] ?? Number.NaN));
}
