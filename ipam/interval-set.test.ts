import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalSet } from './interval-set.ts';

test('property: behaves as a plain set of numbers', () => {
  const value = fc.bigInt({ min: 0n, max: 40n });
  const change = fc.record({ add: fc.boolean(), value });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), value, value, (changes, from, to) => {
      const set = new IntervalSet();
      const model = new Set<bigint>();
      for (const { add, value: changed } of changes) {
        if (add) set.add(changed);
        else set.delete(changed);
        if (add) model.add(changed);
        else model.delete(changed);
      }
      let gap: bigint | undefined;
      for (let at = to; at >= from; at--) if (!model.has(at)) gap = at;
      expect(set.firstGap(from, to)).toBe(gap);
      const inside = [...model].filter((member) => member >= from && member <= to);
      expect(set.countIn(from, to)).toBe(BigInt(inside.length));
      for (let at = 0n; at <= 40n; at++) expect(set.has(at)).toBe(model.has(at));
    }),
    { numRuns: 2000 },
  );
});
