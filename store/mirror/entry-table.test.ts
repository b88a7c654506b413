import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EntryTable } from './entry-table.ts';

const key = fc
  .array(fc.constantFrom('a', 'b', '/', 'ab'), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''));

test('entries under any prefix are those that begin with it, in order, after any changes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key, put: fc.boolean() }), { maxLength: 60 }),
      fc.oneof(key, fc.constant('')),
      (changes, prefix) => {
        const table = new EntryTable();
        const model = new Map<string, bigint>();
        for (const [index, change] of changes.entries()) {
          const revision = BigInt(index);
          if (change.put) {
            table.set({ key: change.key, value: new Uint8Array(), revision });
            model.set(change.key, revision);
          } else {
            expect(table.delete(change.key)).toBe(model.delete(change.key));
          }
          expect(table.get(change.key)?.revision).toBe(model.get(change.key));
        }
        const wanted = [...model.keys()].filter((each) => each.startsWith(prefix)).sort();
        expect(table.under(prefix).map((entry) => entry.key)).toEqual(wanted);
      },
    ),
    { numRuns: 500 },
  );
});
