import type { ClusterClock } from './ports.ts';

/**
 * What a promise gives, or `late` when that takes until after the deadline. The work behind it goes on.
 * @param deadline milliseconds since the epoch.
 */
export async function within<Result>(
  clock: ClusterClock,
  deadline: number,
  work: Promise<Result>,
): Promise<Result | 'late'> {
  const { promise, resolve } = Promise.withResolvers<'late'>();
  using _timer = clock.after(Math.max(0, deadline - clock.now()), () => resolve('late'));
  return await Promise.race([work, promise]);
}
