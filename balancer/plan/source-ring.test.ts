import { describe, expect, test } from 'vitest';
import { SOURCE_RING_SIZE, sourceRingOf } from './source-ring.ts';

const names = Array.from({ length: 8 }, (_, i) => `198.18.0.${i + 1}`);
const equal = (some: readonly string[]) => some.map((name) => ({ name, weight: 1 }));
const owners = (some: readonly string[]) => sourceRingOf(equal(some)).map((position) => some[position]);

describe('a ring by source', () => {
  test('of nobody is empty', () => {
    expect(sourceRingOf([])).toEqual([]);
  });

  test('does not depend on the order of the backends', () => {
    expect(owners(names.toReversed())).toEqual(owners(names));
  });

  test('moves no slot but those of a backend that goes', () => {
    const before = owners(names);
    const after = owners(names.slice(1));
    before.forEach((name, slot) => {
      if (name !== names[0]) expect(after[slot]).toBe(name);
    });
  });

  test('gives everybody about the share of the weight', () => {
    const ring = sourceRingOf([
      { name: 'a', weight: 1 },
      { name: 'b', weight: 3 },
    ]);
    expect(ring).toHaveLength(SOURCE_RING_SIZE);
    const share = ring.filter((position) => position === 1).length / SOURCE_RING_SIZE;
    expect(share).toBeGreaterThan(0.68);
    expect(share).toBeLessThan(0.82);
  });
});
