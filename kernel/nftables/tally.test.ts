import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import type { NftSet } from '../../core/nft.ts';
import { decodeTallies } from './tally.ts';

const SET: NftSet = { name: 'tallies', key: ['ipv4_addr', 'ipv4_addr'], counter: true };

// What the kernel (6.18) answers `nft list set ip weft tallies` with, its one element hit by three echo requests of 84
// bytes, taken with strace -xx -e trace=recvmsg: the attributes of NFT_MSG_NEWSETELEM.
const DUMPED = Buffer.from(
  [
    '0900010077656674000000000c00020074616c6c69657300',
    '44000380',
    '40000180',
    '100001800c0001000a0000010a000002',
    '2c0007800c000100636f756e74657200',
    '1c000280',
    '0c00010000000000000000fc',
    '0c0002000000000000000003',
  ].join(''),
  'hex',
);

describe('counters of elements', () => {
  test('are read with the key they belong to', () => {
    expect(decodeTallies(SET, DUMPED)).toEqual([{ key: ['10.0.0.1', '10.0.0.2'], packets: 3n, bytes: 252n }]);
  });

  test('of a set without elements are none', () => {
    expect(decodeTallies(SET, DUMPED.subarray(0, 24))).toEqual([]);
  });

  test('of another kind are an error', () => {
    const quota = Uint8Array.from(DUMPED);
    quota.set(Buffer.from('unknown'), DUMPED.indexOf('counter'));
    expect(() => decodeTallies(SET, quota)).toThrow(DecodeError);
  });
});
