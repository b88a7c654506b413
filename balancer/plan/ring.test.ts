import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RING_SIZES, ringOf } from './ring.ts';

function counts(ring: readonly number[]): readonly number[] {
  const sums: number[] = [];
  for (const who of ring) sums[who] = (sums[who] ?? 0) + 1;
  return sums;
}

const weight = fc.integer({ min: 1, max: 1000 });

describe('a ring', () => {
  test.each([
    [[], []],
    [[7], [0]],
    [
      [5, 5],
      [0, 1],
    ],
    [
      [1, 1, 1],
      [0, 1, 2],
    ],
    [
      [1, 3],
      [1, 0, 1, 1],
    ],
    [
      [2, 1],
      [0, 1, 0],
    ],
  ])('of weights %j is %j', (weights, ring) => {
    expect(ringOf(weights)).toEqual(ring);
  });

  test('of up to sixteen equal weights has one slot for each', () => {
    for (let n = 1; n <= 16; n++) expect(ringOf(Array(n).fill(9))).toHaveLength(n);
  });

  test('of any weights has a known size, everybody in it, and shares within 4 % where the size allows', () => {
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 40 }), (weights) => {
        const ring = ringOf(weights);
        expect(RING_SIZES).toContain(ring.length);
        const slots = counts(ring);
        const total = weights.reduce((sum, each) => sum + each, 0);
        weights.forEach((each, i) => {
          expect(slots[i]).toBeGreaterThan(0);
          const exact = (each * ring.length) / total;
          const off = Math.abs((slots[i] ?? 0) - exact);
          expect(off <= 0.04 * exact || (ring.length === 1024 && (off <= 1 || exact > 100))).toBe(true);
        });
      }),
    );
  });

  test('spreads the turns of each evenly', () => {
    fc.assert(
      fc.property(fc.array(weight, { minLength: 2, maxLength: 8 }), (weights) => {
        const ring = ringOf(weights);
        const slots = counts(ring);
        weights.forEach((_, who) => {
          const share = (slots[who] ?? 0) / ring.length;
          ring.reduce((taken, each, at) => {
            const now = taken + (each === who ? 1 : 0);
            // Everybody's turns come by their own clock; those of several may fall together.
            expect(Math.abs(now - share * (at + 1))).toBeLessThan(weights.length);
            return now;
          }, 0);
        });
      }),
    );
  });

  test('of more than 1024 takes the first 1024', () => {
    const ring = ringOf(Array(1500).fill(1));
    expect(ring).toHaveLength(1024);
    expect(new Set(ring).size).toBe(1024);
  });

  test('of the least beside the greatest weight gives both their share', () => {
    expect(counts(ringOf([1, 1000]))).toEqual([1, 1023]);
  });
});
