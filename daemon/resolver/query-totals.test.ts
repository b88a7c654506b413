import { expect, test } from 'vitest';
import type { SandboxKey } from '../../core/ids.ts';
import { QueryTotals } from './query-totals.ts';

const key = '/run/docker/netns/1' as SandboxKey;
const counts = (local: number) => ({ local, cached: 0, forwarded: 0, refused: 0, limited: 0, failed: 0 });

test('totals go on over processes, namespaces and sandboxes', () => {
  const totals = new QueryTotals();
  totals.add(key, 1, counts(5));
  totals.add(key, 1, counts(8));
  expect([totals.totals.local, totals.of(key)?.local]).toEqual([8, 8]);
  totals.add(key, 2, counts(3));
  totals.add(key, 2, counts(1));
  expect(totals.totals.local).toBe(12);
  totals.forget(key);
  expect([totals.totals.local, totals.of(key)]).toEqual([12, undefined]);
});
