import { expect, test } from 'vitest';
import { Conflict } from '../core/errors.ts';
import type { StoreEvent } from '../core/ports.ts';
import { ChangeFeed } from './change-feed.ts';

const event = (revision: number): StoreEvent => ({
  type: 'put',
  entry: { key: `k${revision}`, value: new Uint8Array(), revision: BigInt(revision) },
});
const never = new AbortController().signal;

test('watching from before the start of the history is refused as compacted', async () => {
  const feed = new ChangeFeed(7n);
  const next = feed.watch('', 6n, never)[Symbol.asyncIterator]().next();
  await expect(next).rejects.toThrow(Conflict);
  await expect(next).rejects.toMatchObject({ context: { reason: 'compacted', floor: '7' } });
});

test('a watcher that falls behind the bounded history is told so instead of missing events', async () => {
  const feed = new ChangeFeed(0n, 4);
  const slow = feed.watch('', 0n, never);
  feed.publish([event(1)]);
  expect((await slow.next()).value).toEqual(event(1));
  for (let revision = 2; revision <= 20; revision++) feed.publish([event(revision)]);
  await expect(slow.next()).rejects.toThrow(/compacted/);
});

test('after a cut, watching from the oldest revision still known gives everything since', async () => {
  const feed = new ChangeFeed(0n, 4);
  for (let revision = 1; revision <= 9; revision++) feed.publish([event(revision)]);
  await expect(feed.watch('', 4n, never).next()).rejects.toThrow(/after revision 5 only/);
  const events = feed.watch('', 5n, never);
  const keys = [await events.next(), await events.next(), await events.next(), await events.next()];
  expect(keys.map(({ value }) => value?.entry.key)).toEqual(['k6', 'k7', 'k8', 'k9']);
});

test('watching from a revision not reached yet waits for it', async () => {
  const feed = new ChangeFeed(0n);
  const next = feed.watch('', 2n, never).next();
  for (const revision of [1, 2, 3]) feed.publish([event(revision)]);
  expect((await next).value?.entry.key).toBe('k3');
});
