import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Conflict } from '../../core/errors.ts';
import { chooseVni } from './vni.ts';

const never = () => expect.unreachable('nothing to choose');

test('the VNI wanted is the VNI chosen, below 4096 too', () => {
  expect(chooseVni(7, new Set([8]), never)).toBe(7);
});

test('a VNI wanted and taken is refused', () => {
  expect(() => chooseVni(7, new Set([7]), never)).toThrow(Conflict);
  expect(() => chooseVni(7, new Set([7]), never)).toThrow('VNI 7 belongs to another network of the cluster');
});

test.each([
  [0, [], 4096],
  [0, [4096, 4097], 4098],
  [0.999_999_999_9, [], 16_777_215],
  [0.999_999_999_9, [16_777_215], 4096],
])('chance %d with %j taken gives %i', (chance, taken, vni) => {
  expect(chooseVni(undefined, new Set(taken), () => chance)).toBe(vni);
});

test('a chosen VNI is free and no less than 4096', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const taken = fc.uniqueArray(fc.integer({ min: 4090, max: 4200 }), { maxLength: 110 });
  fc.assert(
    fc.property(chance, taken, (at, list) => {
      const low = chooseVni(undefined, new Set(list), () => at / 150_000);
      expect(list).not.toContain(low);
      expect(low).toBeGreaterThanOrEqual(4096);
      expect(chooseVni(undefined, new Set(list), () => at)).toBeLessThanOrEqual(16_777_215);
    }),
  );
});
