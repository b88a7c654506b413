import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KeptReply, ReplyCache } from './reply-cache.ts';

function kept(bytes: number, freshUntil = 1000): KeptReply {
  const records = Buffer.alloc(bytes);
  const base = { rcode: 0, truncated: false, authentic: false, counts: [1, 0, 0] as const, places: [] };
  return { reply: { ...base, records }, receivedAt: 0, freshUntil };
}

test('the reply not asked for longest goes first', () => {
  const cache = new ReplyCache({ entries: 2, bytes: 1e6, staleMs: 0 });
  cache.set('a', kept(1));
  cache.set('b', kept(1));
  cache.get('a', 0);
  cache.set('c', kept(1));
  expect(['a', 'b', 'c'].map((key) => cache.get(key, 0) !== undefined)).toEqual([true, false, true]);
});

test('a reply is there after it has run out, for as long as told, and no longer', () => {
  const cache = new ReplyCache({ entries: 2, bytes: 1e6, staleMs: 500 });
  cache.set('a', kept(1));
  expect(cache.get('a', 1499)).toBeDefined();
  expect(cache.get('a', 1500)).toBeUndefined();
  expect(cache.size).toEqual({ entries: 0, bytes: 0 });
});

test('no sequence of replies makes it larger than its limits, and what it counts is what it has', () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 5000 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new ReplyCache({ entries: 8, bytes: 12_000, staleMs: 0 });
      for (const [key, bytes, remove] of steps) {
        if (remove) cache.delete(`k${key}`);
        else cache.set(`k${key}`, kept(bytes));
        expect(cache.size.entries).toBeLessThanOrEqual(8);
        expect(cache.size.bytes).toBeLessThanOrEqual(12_000);
        if (!remove) expect(cache.get(`k${key}`, 0)?.reply.records.length).toBe(bytes);
      }
      for (let key = 0; key <= 20; key++) cache.delete(`k${key}`);
      expect(cache.size).toEqual({ entries: 0, bytes: 0 });
    }),
  );
});
