import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BITS,
  type Cidr,
  cidrContains,
  cidrRange,
  cidrsOverlap,
  type Family,
  familyOf,
  formatIfAddress,
  type IfAddress,
  type Ip,
  ipFromBigint,
  ipFromBytes,
  ipToBigint,
  ipToBytes,
  parseCidr,
  parseIfAddress,
  parseIp,
  subnetOf,
} from './address.ts';
import { InvalidArgument } from './errors.ts';

const family: fc.Arbitrary<Family> = fc.constantFrom(4, 6);
const anyIp: fc.Arbitrary<Ip> = family.chain((of) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(BITS[of])) - 1n }).map((value) => ipFromBigint(value, of)),
);
const anyIfAddress: fc.Arbitrary<IfAddress> = anyIp.chain((ip) =>
  fc.integer({ min: 0, max: BITS[familyOf(ip)] }).map((prefix) => ({ ip, prefix })),
);
const anyCidr: fc.Arbitrary<Cidr> = anyIfAddress.map(subnetOf);

describe('an address', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['FD00::0001', 'fd00::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ])('%s is written %s', (text, canonical) => {
    expect(parseIp(text, 'Address')).toBe(canonical);
  });

  test.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1/24',
    'fe80::1%eth0',
    '1::2::3',
    'host',
    ' 10.0.0.1',
    '10.0.0.1\n',
    '10.1',
    '0x0a000001',
    'a'.repeat(100),
    7,
    null,
    undefined,
    ['10.0.0.1'],
  ])('is not %j', (text) => {
    expect(() => parseIp(text, 'Address')).toThrow(InvalidArgument);
    expect(() => parseIp(text, 'Address')).toThrow(/^Address .* is not an IP address$/);
  });

  test('survives the way through text, number and bytes', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(parseIp(ip, 'ip')).toBe(ip);
        expect(ipFromBigint(ipToBigint(ip), familyOf(ip))).toBe(ip);
        expect(ipToBytes(ip)).toHaveLength(BITS[familyOf(ip)] / 8);
        expect(ipFromBytes(ipToBytes(ip))).toBe(ip);
      }),
    );
  });

  test('parsing any text gives its canonical form or InvalidArgument', () => {
    const text = fc.oneof(fc.string(), fc.ipV6(), fc.ipV4(), fc.stringMatching(/^[0-9a-f:./%]{0,30}$/));
    fc.assert(
      fc.property(text, (given) => {
        try {
          const ip = parseIp(given, 'ip');
          expect(parseIp(ip, 'ip')).toBe(ip);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidArgument);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('an address with a prefix', () => {
  test.each([
    ['10.0.0.1/24', '10.0.0.0/24'],
    ['10.255.255.255/0', '0.0.0.0/0'],
    ['10.0.0.1/32', '10.0.0.1/32'],
    ['fd00::beef/64', 'fd00::/64'],
    ['fd00::1/128', 'fd00::1/128'],
    ['ffff::/1', '8000::/1'],
  ])('%s is in %s', (text, subnet) => {
    expect(formatIfAddress(parseIfAddress(text, 'a'))).toBe(text);
    expect(parseCidr(text, 'a')).toBe(subnet);
  });

  test.each(['10.0.0.1', '10.0.0.1/', '10.0.0.1/33', '10.0.0.1/024', 'fd00::/129', '/24', 'x/8', '1/2/3', 5])(
    'is not %j',
    (text) => {
      expect(() => parseIfAddress(text, 'Subnet')).toThrow(InvalidArgument);
      expect(() => parseCidr(text, 'Subnet')).toThrow(/^Subnet /);
    },
  );
});

describe('subnets', () => {
  test('contain their first and last address and none beside', () => {
    fc.assert(
      fc.property(anyCidr, (cidr) => {
        const { first, last, family: of, prefix } = cidrRange(cidr);
        expect(last - first + 1n).toBe(1n << BigInt(BITS[of] - prefix));
        expect(cidrContains(cidr, ipFromBigint(first, of))).toBe(true);
        expect(cidrContains(cidr, ipFromBigint(last, of))).toBe(true);
        if (first > 0n) expect(cidrContains(cidr, ipFromBigint(first - 1n, of))).toBe(false);
      }),
    );
  });

  test('overlap mutually, and exactly when one contains the base of the other', () => {
    const near = fc
      .record({
        base: fc.constantFrom('10.0.0.0', '10.0.0.128', '10.0.1.0', 'fd00::'),
        prefix: fc.integer({ min: 8, max: 32 }),
      })
      .map(({ base, prefix }) => parseCidr(`${base}/${prefix}`, 'c'));
    fc.assert(
      fc.property(fc.oneof(anyCidr, near), fc.oneof(anyCidr, near), (a, b) => {
        const base = (cidr: Cidr): Ip => cidr.split('/')[0] as Ip;
        expect(cidrsOverlap(a, b)).toBe(cidrsOverlap(b, a));
        expect(cidrsOverlap(a, b)).toBe(cidrContains(a, base(b)) || cidrContains(b, base(a)));
        expect(cidrsOverlap(a, a)).toBe(true);
      }),
    );
  });
});
