import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import {
  type BlockRecord,
  decodeBlock,
  encodeBlock,
  gives,
  isEmpty,
  NO_BLOCK,
  takesFrom,
  withGrant,
  withOwner,
  withoutNode,
  withoutOwner,
  withRequest,
} from './block-record.ts';

const ip = '10.1.0.20' as Ip;

test('a record reads back as it was written', () => {
  const record: BlockRecord = {
    owner: 'a',
    grants: { [ip]: { node: 'b', request: 'b-1' } },
    requests: { 'c-1': { node: 'c', ip, denied: 'full', elsewhere: '10.1.0.32/28' }, 'c-2': { node: 'c' } },
  };
  expect(decodeBlock('block/x', encodeBlock(record))).toEqual(record);
  expect(decodeBlock('block/x', encodeBlock(NO_BLOCK))).toEqual(NO_BLOCK);
});

test.each([
  '',
  'null',
  '{}',
  '{"owner":"","grants":{},"requests":{}}',
  '{"grants":{"10.1.0.300":{"node":"b"}},"requests":{}}',
  '{"grants":{"10.1.0.3":"b"},"requests":{}}',
  '{"grants":{},"requests":{"x":{"node":"b","ip":7}}}',
])('%j is no record', (text) => {
  expect(() => decodeBlock('block/x', new TextEncoder().encode(text))).toThrow(DecodeError);
});

test('who may hold an address: the owner unless it is granted, and who it is granted to', () => {
  const owned = withOwner(NO_BLOCK, 'a');
  const granted = withGrant(owned, ip, { node: 'b' });
  expect([gives(owned, 'a', ip), gives(owned, 'b', ip)]).toEqual([true, false]);
  expect([gives(granted, 'a', ip), gives(granted, 'b', ip)]).toEqual([false, true]);
  expect(gives(withoutOwner(granted), 'a', ip)).toBe(false);
});

test('what takes something from a node: its block, an address of it, its grant; not what it gains', () => {
  const owned = withOwner(NO_BLOCK, 'a');
  const granted = withGrant(owned, ip, { node: 'b' });
  expect(takesFrom('a', owned, withoutOwner(owned))).toBe(true);
  expect(takesFrom('a', owned, granted)).toBe(true);
  expect(takesFrom('b', granted, owned)).toBe(true);
  expect(takesFrom('b', owned, granted)).toBe(false);
  expect(takesFrom('a', NO_BLOCK, owned)).toBe(false);
  expect(takesFrom('a', granted, owned)).toBe(false);
  expect(takesFrom('b', withGrant(NO_BLOCK, ip, { node: 'b' }), withOwner(NO_BLOCK, 'b'))).toBe(false);
});

test('claiming a block takes in the addresses the node had there', () => {
  expect(withOwner(withGrant(NO_BLOCK, ip, { node: 'a' }), 'a')).toEqual({ ...NO_BLOCK, owner: 'a' });
});

test('a node that goes leaves nothing, and a record without it is untouched', () => {
  const record = withRequest(withGrant(withOwner(NO_BLOCK, 'a'), ip, { node: 'b' }), 'b-1', { node: 'b' });
  expect(withoutNode(record, 'b')).toEqual(withOwner(NO_BLOCK, 'a'));
  expect(isEmpty(withoutNode(withoutNode(record, 'b'), 'a'))).toBe(true);
  expect(withoutNode(record, 'c')).toBe(record);
});
