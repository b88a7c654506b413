import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cidr, cidrRange, type Ip, ipFromBigint } from '../../core/address.ts';
import { BlockGrid, blockPrefix } from './block-grid.ts';

test.each([
  ['10.1.0.0/24', 28],
  ['10.1.0.0/16', 24],
  ['10.0.0.0/8', 20],
  ['10.1.0.0/25', 29],
  ['10.1.0.0/26', 30],
  ['10.1.0.0/28', 30],
  ['10.1.0.0/30', 30],
  ['10.1.0.0/31', 31],
  ['10.1.0.0/32', 32],
  ['fd00::/64', 96],
  ['fd00::/48', 88],
  ['fd00::/120', 124],
  ['fd00::/127', 127],
])('%s has blocks of /%i', (pool, prefix) => {
  expect(blockPrefix(pool as Cidr)).toBe(prefix);
});

test('property: every address lies in exactly the block that its number names, and keys read back', () => {
  const pool = fc.record({ bits: fc.integer({ min: 0, max: 24 }), base: fc.bigInt({ min: 0n, max: 255n }) });
  fc.assert(
    fc.property(
      pool,
      fc.bigInt({ min: 0n, max: (1n << 24n) - 1n }),
      fc.boolean(),
      ({ bits, base }, at, v6) => {
        const family = v6 ? 6 : 4;
        const width = v6 ? 128 : 32;
        const first = (base << 24n) + (v6 ? 0xfd00n << 112n : 0n);
        const cidr =
          `${ipFromBigint((first >> BigInt(bits)) << BigInt(bits), family)}/${width - bits}` as Cidr;
        const grid = new BlockGrid('app', cidr);
        const range = cidrRange(cidr);
        const value = range.first + (at % (range.last - range.first + 1n));
        const index = grid.indexOf(ipFromBigint(value, family));
        const block = grid.range(index);
        expect(value >= block.first && value <= block.last).toBe(true);
        expect(index >= 0n && index < grid.count).toBe(true);
        expect(grid.parseKey(grid.keyAt(index))).toBe(index);
        expect(cidrRange(grid.cidrAt(index))).toMatchObject(block);
      },
    ),
  );
});

test.each([
  'block/app/10.1.0.8/28',
  'block/app/10.1.0.0/29',
  'block/app/10.2.0.0/28',
  'block/app/fd00::/28',
  'block/other/10.1.0.0/28',
  'block/app/999.1.0.0/28',
  'block/app/10.1.0.0',
  'block/app/',
])('%s is no block of 10.1.0.0/24 of network app', (key) => {
  expect(new BlockGrid('app', '10.1.0.0/24' as Cidr).parseKey(key)).toBeUndefined();
});

test('an address outside the subnet is not contained', () => {
  const grid = new BlockGrid('app', '10.1.0.0/24' as Cidr);
  expect(grid.contains('10.1.1.0' as Ip)).toBe(false);
  expect(grid.contains('::a01:5' as Ip)).toBe(false);
});
