import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cidr, cidrRange, cidrsOverlap } from '../core/address.ts';
import { choosePool, ulaPrefix } from './pools.ts';

test('a ULA prefix is fd and the 40 random bits (RFC 4193 section 3.1)', () => {
  expect(ulaPrefix(Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x9a))).toBe('fd12:3456:789a::/48');
});

test('property: the chosen pool is the first one of its size that overlaps nothing', () => {
  const base = '198.18.0.0/24' as Cidr;
  const blocked = fc.record({
    host: fc.integer({ min: 0, max: 255 }),
    prefix: fc.integer({ min: 22, max: 32 }),
  });
  fc.assert(
    fc.property(fc.array(blocked, { maxLength: 12 }), fc.integer({ min: 24, max: 30 }), (blocks, prefix) => {
      const avoid = blocks.map(({ host, prefix: bits }) => {
        const at = bits >= 24 ? (host >> (32 - bits)) << (32 - bits) : 0;
        return `198.18.0.${at}/${bits}` as Cidr;
      });
      const size = 2 ** (32 - prefix);
      const all = Array.from(
        { length: 256 / size },
        (_, index) => `198.18.0.${index * size}/${prefix}` as Cidr,
      );
      const first = all.find((cidr) => avoid.every((other) => !cidrsOverlap(cidr, other)));
      expect(choosePool([{ base, prefix: 28 }], prefix, avoid)).toBe(first);
    }),
    { numRuns: 1000 },
  );
});

test('four thousand held pools are stepped over', () => {
  const base = '10.64.0.0/12' as Cidr;
  const held = Array.from(
    { length: 4095 },
    (_, index) => `10.${64 + (index >> 8)}.${index & 255}.0/24` as Cidr,
  );
  expect(choosePool([{ base, prefix: 24 }], undefined, held)).toBe('10.79.255.0/24');
  expect(choosePool([{ base, prefix: 24 }], undefined, [...held, '10.79.255.0/24' as Cidr])).toBeUndefined();
  expect(cidrRange(base).last).toBe(cidrRange('10.79.255.0/24' as Cidr).last);
});
