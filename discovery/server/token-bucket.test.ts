import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

test('lets through the burst and then the rate, and never more', () => {
  const gaps = fc.array(fc.integer({ min: -50, max: 500 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(gaps, (steps) => {
      let now = 1000;
      const bucket = new TokenBucket({ perSecond: 20, burst: 5 }, { now: () => now });
      let passed = 0;
      let forward = 0;
      for (const step of steps) {
        now += step;
        forward += Math.max(0, step);
        if (bucket.take()) passed += 1;
        expect(passed).toBeLessThanOrEqual(5 + (forward * 20) / 1000 + 1e-9);
      }
    }),
  );
});

test('after a quiet second gives the burst again', () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, { now: () => now });
  const take = (): boolean[] => Array.from({ length: 4 }, () => bucket.take());
  expect(take()).toEqual([true, true, true, false]);
  now += 1000;
  expect(take()).toEqual([true, true, true, false]);
  now += 100;
  expect(take()).toEqual([true, false, false, false]);
});
