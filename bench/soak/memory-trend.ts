import { median } from '../harness/statistics.ts';

/** How a process's memory went on after its warm-up, the first third of the time. MB is 10^6 bytes. */
export interface MemoryTrend {
  readonly firstMb: number;
  readonly lastMb: number;
  /** Median of the last tenth less median of the first tenth after the warm-up. */
  readonly growthMb: number;
  /** Least squares over everything after the warm-up. */
  readonly slopeMbPerMinute: number;
}

/**
 * @param samples seconds and MB, in order.
 * @throws {RangeError} when there are too few.
 */
export function memoryTrend(samples: readonly { readonly at: number; readonly mb: number }[]): MemoryTrend {
  const warm = samples.slice(Math.floor(samples.length / 3));
  const tenth = Math.max(1, Math.floor(warm.length / 10));
  const middle = (some: typeof warm) => median(some.map(({ mb }) => mb));
  const firstMb = middle(warm.slice(0, tenth));
  const lastMb = middle(warm.slice(-tenth));
  return { firstMb, lastMb, growthMb: lastMb - firstMb, slopeMbPerMinute: slope(warm) * 60 };
}

function slope(samples: readonly { readonly at: number; readonly mb: number }[]): number {
  const mean = (pick: (sample: (typeof samples)[number]) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const at = mean((sample) => sample.at);
  const mb = mean((sample) => sample.mb);
  const above = samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.mb - mb), 0);
  const below = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
