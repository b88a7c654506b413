import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { readCaptured } from './captured/read-captured.ts';
import { decodeXtTable, encodeXtTable } from './xt-table.ts';

describe.each([4, 6] as const)('a captured table of family %i', (family) => {
  const { blob, hooks } = readCaptured(family);

  test('decodes and encodes to the same bytes and hooks', () => {
    expect(encodeXtTable(decodeXtTable(family, blob, hooks))).toEqual({ blob, ...hooks });
  });

  test('has the chains and jumps that were restored', () => {
    const { entries } = decodeXtTable(family, blob, hooks);
    const jumps = entries.flatMap(({ jump }) =>
      jump === undefined ? [] : [jump.to === 'chain' ? `chain ${jump.heading.heading}` : jump.to],
    );
    expect(entries.flatMap(({ heading }) => heading ?? [])).toEqual(['A', 'DOCKER-USER', 'Z', 'ERROR']);
    expect(jumps).toEqual(['chain DOCKER-USER', 'chain Z', 'chain DOCKER-USER', 'chain Z', 'next']);
  });

  test('the hooks are where the built-in chains begin and end', () => {
    const table = decodeXtTable(family, blob, hooks);
    const indices = (anchors: typeof table.hookEntry) =>
      anchors.map((entry) => (entry === undefined ? undefined : table.entries.indexOf(entry)));
    expect(indices(table.hookEntry)).toEqual([undefined, 0, 1, 5, undefined]);
    expect(indices(table.underflow)).toEqual([undefined, 0, 4, 5, undefined]);
  });

  test('any damage decodes or is a DecodeError', () => {
    const damage = fc.array(fc.tuple(fc.nat(blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(damage, fc.nat(blob.length), (changes, length) => {
        const bytes = blob.slice(0, length);
        for (const [offset, value] of changes) if (offset < length) bytes[offset] = value;
        try {
          const { entries } = decodeXtTable(family, bytes, hooks);
          expect(entries.reduce((sum, entry) => sum + entry.bytes.length, 0)).toBe(length);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });

  test('a table that has lost the target of a jump is not encoded', () => {
    const table = decodeXtTable(family, blob, hooks);
    const entries = table.entries.filter(({ heading }) => heading !== 'Z');
    expect(() => encodeXtTable({ ...table, entries })).toThrow(DecodeError);
  });
});
