import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cidr, cidrRange, ipFromBigint, subnetOf } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { boundariesOf, formatInterval, pairBoundaries, parseInterval } from './interval.ts';

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString('hex');

test.each([
  ['10.0.0.0/24', '0a000000', '0a000100'],
  ['0.0.0.0/0', '00000000', undefined],
  ['128.0.0.0/1', '80000000', undefined],
  ['255.255.255.255/32', 'ffffffff', undefined],
  ['10.0.0.1', '0a000001', '0a000002'],
  ['10.0.0.1-10.0.0.9', '0a000001', '0a00000a'],
])('%s is a half-open range', (text, start, end) => {
  const interval = parseInterval('ipv4_addr', text);
  expect([hex(interval.start), hex(interval.end)]).toEqual([start, end]);
});

test('ports have ranges too', () => {
  expect(hex(parseInterval('inet_service', '80-90').end)).toBe('005b');
  expect(formatInterval('inet_service', parseInterval('inet_service', '80-90'))).toBe('80-90');
});

test.each(['10.0.0.1/24', '10.0.0.0/33', '10.0.0.0/', '/24', '', '10.0.0.9-10.0.0.1', 'a-b', '::/0'])(
  '%j is refused',
  (text) => {
    expect(() => parseInterval('ipv4_addr', text)).toThrow(InvalidArgument);
  },
);

test('separate subnets survive being cut in boundaries and shuffled', () => {
  const subnet = fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }), fc.integer({ min: 0, max: 32 }))
    .map(([ip, prefix]) => subnetOf({ ip: ipFromBigint(ip, 4), prefix }));
  const separate = fc.array(subnet, { maxLength: 12 }).map((list) => {
    const kept: Cidr[] = [];
    for (const cidr of list) {
      const { first, last } = cidrRange(cidr);
      if (kept.map(cidrRange).every((other) => last < other.first || first > other.last)) kept.push(cidr);
    }
    return kept;
  });
  fc.assert(
    fc.property(separate, fc.infiniteStream(fc.nat()), (subnets, order) => {
      const boundaries = subnets
        .flatMap((cidr) => boundariesOf(parseInterval('ipv4_addr', cidr)))
        .map((boundary) => [order.next().value ?? 0, boundary] as const)
        .sort(([a], [b]) => a - b)
        .map(([, boundary]) => boundary);
      const found = pairBoundaries(boundaries).map((interval) => formatInterval('ipv4_addr', interval));
      expect(found.sort()).toEqual(subnets.toSorted());
    }),
  );
});

test('an end with nothing before it is dropped', () => {
  const key = Uint8Array.of(0, 0, 0, 0);
  expect(pairBoundaries([{ key, end: true }])).toEqual([]);
});
