import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import { type FactChange, factKey } from '../../discovery/index.ts';
import { NameLookup } from './name-lookup.ts';

const put = (index: number, name: string): FactChange => ({
  op: 'put',
  fact: {
    kind: 'endpoint',
    endpoint: {
      endpoint: index.toString(16).padStart(64, '0') as EndpointId,
      network: 'net',
      networkName: 'app',
      node: 'h1',
      names: [name],
      ipv4: '10.0.0.2' as Ip,
      ready: true,
    },
  },
});

/** What the resolver process is told, by hand. */
class Feed {
  readonly changes: FactChange[] = [];
  readonly listeners = new Set<(dirty: readonly { now(): FactChange }[]) => void>();

  *all(): Generator<FactChange> {
    yield* this.changes;
  }

  subscribe(listener: (dirty: readonly { now(): FactChange }[]) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  tell(change: FactChange): void {
    for (const listener of this.listeners) listener([{ now: () => change }]);
  }
}

let feed: Feed;
let lookup: NameLookup;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  feed = new Feed();
  lookup = new NameLookup(feed);
});
afterEach(() => {
  lookup[Symbol.dispose]();
  vi.useRealTimers();
});

const knows = async (name: string): Promise<boolean> =>
  (await lookup.table()).lookup(['net'], { name, type: 'A' }) !== 'unknown';

test('nothing is kept before it is asked', () => {
  expect(feed.listeners.size).toBe(0);
});

test('the table is everything, and what changes while it is filled and after', async () => {
  for (let i = 0; i < 250; i++) feed.changes.push(put(i, `c${i}`));
  const filling = lookup.table();
  feed.tell(put(1000, 'new'));
  await filling;
  for (const name of ['c0', 'c249', 'new']) expect(await knows(name)).toBe(true);
  const [gone] = feed.changes;
  if (gone?.op === 'put') feed.tell({ op: 'drop', key: factKey(gone.fact) });
  expect(await knows('c0')).toBe(false);
});

test('it is let go when nobody has asked for a while, and made again', async () => {
  feed.changes.push(put(1, 'c1'));
  expect(await knows('c1')).toBe(true);
  vi.advanceTimersByTime(50_000);
  expect(await knows('c1')).toBe(true);
  vi.advanceTimersByTime(59_000);
  expect(feed.listeners.size).toBe(1);
  vi.advanceTimersByTime(2000);
  expect(feed.listeners.size).toBe(0);
  feed.changes.push(put(2, 'c2'));
  expect(await knows('c2')).toBe(true);
});
