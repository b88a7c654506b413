import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseIfName, parseMac } from './ids.ts';
import { DERIVED_NAME, derivedMac, linkName, parseNetworkName } from './names.ts';

const prefix = fc.constantFrom('wb' as const, 'wx' as const, 'wv' as const, 'wc' as const);

describe('derived link names', () => {
  test('are the same for ever', () => {
    expect(linkName('wb', 'a1'.repeat(32))).toBe('wb-gsipqbabrb');
    expect(linkName('wv', 'c3'.repeat(32))).toBe('wv-diic2wj5cp');
  });

  test('are interface names that tell whose they are', () => {
    fc.assert(
      fc.property(prefix, fc.string(), (of, id) => {
        const name = linkName(of, id);
        expect(parseIfName(name, 'name')).toBe(name);
        expect(name).toMatch(DERIVED_NAME);
        expect(name.startsWith(`${of}-`)).toBe(true);
        expect(name).toHaveLength(13);
      }),
    );
  });

  test('of a hundred thousand ids are all different', () => {
    const names = new Set(
      Array.from({ length: 100_000 }, (_, n) => linkName('wv', `${n}`.padStart(64, '0'))),
    );
    expect(names.size).toBe(100_000);
  });

  test.each([
    'wb-',
    'wb-short',
    'wz-gsipqbabrb',
    'wb-gsipqbabr1',
    'wb-GSIPQBABRB',
    'xwb-gsipqbabrb',
    'wb0',
    'wb-gsipqbabrbb',
  ])('%s is none', (name) => expect(name).not.toMatch(DERIVED_NAME));
});

describe('derived MACs', () => {
  test('are locally administered and unicast, and the same for ever', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        const mac = derivedMac(id);
        expect(parseMac(mac, 'mac')).toBe(mac);
        expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
        expect(derivedMac(id)).toBe(mac);
      }),
    );
    expect(derivedMac('c3'.repeat(32))).toBe('c6:37:b8:52:6f:76');
  });
});

describe('a network’s name', () => {
  test.each(['a', 'App', '7', 'shop_default', 'a.b-c_d', 'x'.repeat(63)])('may be %j', (name) => {
    expect(parseNetworkName(name, 'name')).toBe(name);
  });

  test.each(['', '.a', '-a', '_a', 'a b', 'a/b', 'a\n', 'é', 'x'.repeat(64), 7, undefined])(
    'may not be %j',
    (name) => {
      expect(() => parseNetworkName(name, 'option weft.network')).toThrow(
        /^option weft\.network is .*: expected 1–63 letters, digits/,
      );
    },
  );
});
