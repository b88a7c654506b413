import { expect, test } from 'vitest';
import { History } from './history.ts';

const header = (revision: bigint, term = 2n, clusterId = 'c') => ({ clusterId, revision, term });

test('one past stays one past, also when answers overtake each other', () => {
  const history = new History();
  history.observe(header(5n), undefined);
  const before = history.head;
  history.observe(header(9n, 3n), before);
  history.observe(header(6n), before);
  history.observe(header(9n, 3n), history.head);
  expect(history.epoch).toBe(0);
  expect(history.head).toEqual(header(9n, 3n));
});

test.each([
  ['an older revision', header(4n)],
  ['an older term', header(9n, 1n)],
  ['another cluster', header(9n, 3n, 'd')],
])('%s is another past', (_, later) => {
  const history = new History();
  history.observe(header(5n), undefined);
  history.observe(later, history.head);
  expect(history.epoch).toBe(1);
  history.observe(later, history.head);
  expect(history.epoch).toBe(1);
});

test('several requests that were under way when the past changed are one change', () => {
  const history = new History();
  history.observe(header(50n), undefined);
  const before = history.head;
  for (const revision of [4n, 5n, 6n]) history.observe(header(revision), before);
  expect(history.epoch).toBe(1);
  expect(history.head?.revision).toBe(6n);
});
