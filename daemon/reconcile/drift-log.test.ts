import { expect, test } from 'vitest';
import { DriftLog, type Repair } from './drift-log.ts';

function log() {
  const repaired: Repair[] = [];
  const recovered: [string, number][] = [];
  const drift = new DriftLog({
    repaired: (repair) => void repaired.push(repair),
    recovered: (kind, count) => void recovered.push([kind, count]),
  });
  return { drift, repaired, recovered };
}

test('what a start has made is told as sums, one a kind', () => {
  const { drift, repaired, recovered } = log();
  drift.recovered(['link', 'fdb', 'fdb']);
  expect(repaired).toEqual([]);
  expect(drift.repairs()).toEqual([]);
  expect(recovered).toEqual([
    ['link', 1],
    ['fdb', 2],
  ]);
  expect(drift.totals()).toEqual([
    { kind: 'link', cause: 'start', count: 1 },
    { kind: 'fdb', cause: 'start', count: 2 },
  ]);
});

test('each repair is told, and the last thousand are kept', () => {
  const { drift, repaired } = log();
  for (let at = 0; at < 1001; at++)
    drift.add({ at, kind: 'route', key: `route ${at}`, cause: 'timer', action: 'created' });
  expect(repaired).toHaveLength(1001);
  expect(drift.repairs()).toHaveLength(1000);
  expect(drift.repairs()[0]?.at).toBe(1);
  expect(drift.totals()).toEqual([{ kind: 'route', cause: 'timer', count: 1001 }]);
});
