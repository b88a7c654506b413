import { expect, test } from 'vitest';
import { difference } from './invariants.ts';
import { giverOf, isIn } from './store-view.ts';

test('what is missing and what is too much is said, equal things counted', () => {
  expect(difference('x', ['a', 'b', 'b'], ['b', 'c'])).toEqual([
    'x missing: a',
    'x missing: b',
    'x too much: c',
  ]);
  expect(difference('x', ['a', 'b'], ['b', 'a'])).toEqual([]);
});

test('an address is in a subnet of its family only', () => {
  expect(isIn('10.0.1.0/28', '10.0.1.15')).toBe(true);
  expect(isIn('10.0.1.0/28', '10.0.1.16')).toBe(false);
  expect(isIn('fd00::/96', 'fd00::1')).toBe(true);
  expect(isIn('fd00::/96', '10.0.1.1')).toBe(false);
});

test('a single address that was given away is its receiver’s, the others are the block’s owner’s', () => {
  const block = { network: 'net0', cidr: '10.0.1.0/28', owner: 'h1', grants: { '10.0.1.2': 'h2' } };
  const store = { endpoints: [], networks: [], left: [], blocks: [block] };
  expect(giverOf(store, 'net0', '10.0.1.2')).toBe('h2');
  expect(giverOf(store, 'net0', '10.0.1.3')).toBe('h1');
  expect(giverOf(store, 'net1', '10.0.1.3')).toBeUndefined();
});
