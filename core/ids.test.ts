import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidArgument } from './errors.ts';
import {
  parseEndpointId,
  parseIfName,
  parseMac,
  parseNetworkId,
  parseSandboxKey,
  poolIdOf,
  quote,
} from './ids.ts';

function refuses(parse: (text: unknown) => unknown, text: unknown, message: RegExp): void {
  expect(() => parse(text)).toThrow(InvalidArgument);
  expect(() => parse(text)).toThrow(message);
}

describe('ids', () => {
  test.each(['a'.repeat(64), 'w8k2q9z', 'A-b_c.9', 'x'.repeat(128)])('%s is one', (text) => {
    expect(parseNetworkId(text)).toBe(text);
    expect(parseEndpointId(text)).toBe(text);
  });

  test.each(['', '-a', '.a', 'a/b', 'a b', 'a\0', 'x'.repeat(129), 'é', 5, null, {}])(
    '%j is none',
    (text) => {
      refuses(parseNetworkId, text, /^NetworkID .* is not an id: expected 1–128 letters/);
      refuses(parseEndpointId, text, /^EndpointID /);
    },
  );
});

describe('sandbox keys', () => {
  test.each(['/var/run/docker/netns/0123456789ab', '/proc/7/ns/net', '/a'])('%s is one', (text) => {
    expect(parseSandboxKey(text)).toBe(text);
  });

  test.each(['', '/', 'a/b', '/a/../b', '/..', '/a//b', '/a b', `/${'x'.repeat(255)}`, '/a\0', 1])(
    '%j is none',
    (text) => refuses(parseSandboxKey, text, /^SandboxKey .* is not an absolute path$/),
  );
});

describe('interface names', () => {
  test.each(['eth0', 'br-0123456789ab', 'a', 'ünï0'])('%s is one', (text) => {
    expect(parseIfName(text, 'Name')).toBe(text);
  });

  test.each(['', '.', '..', 'a/b', 'a:b', 'a b', 'a%d', '0123456789abcdef', 'ü'.repeat(8), 'a\0', 7])(
    '%j is none',
    (text) => refuses((given) => parseIfName(given, 'Name'), text, /^Name .* is not an interface name/),
  );
});

describe('MAC addresses', () => {
  test.each([
    ['02:00:00:00:00:01', '02:00:00:00:00:01'],
    ['02-AB-cd-00-00-01', '02:ab:cd:00:00:01'],
  ])('%s is written %s', (text, mac) => {
    expect(parseMac(text, 'Mac')).toBe(mac);
  });

  test.each(['', '02:00:00:00:00', '02:00:00:00:00:0g', '2:0:0:0:0:1', '020000000001', 3])(
    '%j is none',
    (text) => refuses((given) => parseMac(given, 'Mac'), text, /^Mac .* is not a MAC address/),
  );

  test.each(['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'])('%s is not unicast', (text) =>
    refuses((given) => parseMac(given, 'Mac'), text, /is not a unicast MAC address$/),
  );
});

test('a pool’s identity names its space and subnet', () => {
  expect(poolIdOf('weft-local', '10.0.0.0/24')).toBe('weft-local/10.0.0.0/24');
});

test('a foreign value is shown in at most 80 characters, whatever it is', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      fc.pre(!hasBigint(value));
      expect(quote(value).length).toBeLessThanOrEqual(80);
    }),
  );
  expect(quote('a"b')).toBe('"a\\"b"');
});

function hasBigint(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return false;
  } catch {
    return true;
  }
}
