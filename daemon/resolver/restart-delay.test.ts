import { expect, test } from 'vitest';
import { RestartDelay } from './restart-delay.ts';

test('the first restart is at once, those after short lives take longer and longer, a good life ends that', () => {
  const delay = new RestartDelay();
  const short = Array.from({ length: 10 }, () => delay.next(100));
  expect(short).toEqual([0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect([delay.next(10_000), delay.next(1), delay.next(1)]).toEqual([0, 0, 50]);
});
