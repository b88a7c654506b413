import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipFromBytes } from '../../core/address.ts';
import { addressOfReverseName, reverseName } from './reverse-name.ts';

test('the reverse name of every IPv4 address gives the address', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      const name = `${[...bytes].reverse().join('.')}.in-addr.arpa`;
      expect(addressOfReverseName(name)).toBe(ipFromBytes(bytes));
      expect(reverseName(ipFromBytes(bytes))).toBe(name);
    }),
  );
});

test('the reverse name of every IPv6 address gives the address', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const nibbles = [...Buffer.from(bytes).toString('hex')].reverse().join('.');
      expect(addressOfReverseName(`${nibbles}.ip6.arpa`)).toBe(ipFromBytes(bytes));
      expect(reverseName(ipFromBytes(bytes))).toBe(`${nibbles}.ip6.arpa`);
    }),
  );
});

test.each([
  'web',
  'in-addr.arpa',
  '.in-addr.arpa',
  '10.in-addr.arpa',
  '1.2.3.4.5.in-addr.arpa',
  '256.0.0.10.in-addr.arpa',
  '01.0.0.10.in-addr.arpa',
  'x.0.0.10.in-addr.arpa',
  '0.ip6.arpa',
  `g${'.0'.repeat(31)}.ip6.arpa`,
])('%s is no reverse name of an address', (name) => {
  expect(addressOfReverseName(name)).toBeUndefined();
});
