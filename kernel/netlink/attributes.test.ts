import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import { bareText, hardwareAddress, ip, nested, text, u8, u16Be, u32 } from './attribute-codecs.ts';
import {
  decodeAttributes,
  encodeAttributes,
  fromAttributes,
  NLA_F_NESTED,
  toAttributes,
} from './attributes.ts';

const INNER = { flag: [1, u8], port: [2, u16Be] } as const;
const TABLE = { mtu: [4, u32], name: [3, text], inner: [9, nested(INNER)] } as const;

describe('attributes', () => {
  test('what is written is read again', () => {
    const attribute = fc.record({ type: fc.nat(0xffff), value: fc.uint8Array({ maxLength: 50 }) });
    fc.assert(
      fc.property(fc.array(attribute), (attributes) => {
        expect(decodeAttributes(encodeAttributes(attributes))).toEqual(attributes);
      }),
    );
  });

  test('each begins at a multiple of four after the fixed struct', () => {
    const bytes = encodeAttributes([{ type: 1, value: Uint8Array.of(0xaa) }], Uint8Array.of(1, 2, 3));
    expect([...bytes]).toEqual([1, 2, 3, 0, 5, 0, 1, 0, 0xaa, 0, 0, 0]);
  });

  test('a length that does not fit is refused', () => {
    expect(() => decodeAttributes(Uint8Array.of(9, 0, 1, 0, 0))).toThrow(DecodeError);
    expect(() => decodeAttributes(Uint8Array.of(3, 0, 1, 0))).toThrow(DecodeError);
  });

  test('fields keep the order of the wire, nests carry their flag', () => {
    const values = { name: 'a', inner: { port: 4789, flag: 1 }, mtu: 1500 };
    const attributes = toAttributes(TABLE, values);
    expect(attributes.map(({ type }) => type)).toEqual([3, 9 | NLA_F_NESTED, 4]);
    const read = fromAttributes(TABLE, encodeAttributes(attributes));
    expect(read).toEqual(values);
    expect(Object.keys(read)).toEqual(['name', 'inner', 'mtu']);
  });

  test('what the table lacks, and a second one of what it has, stays raw', () => {
    const attributes = [
      { type: 4, value: Uint8Array.of(1, 0, 0, 0) },
      { type: 77, value: Uint8Array.of(5) },
      { type: 4, value: Uint8Array.of(2, 0, 0, 0) },
    ];
    const read = fromAttributes(TABLE, encodeAttributes(attributes));
    expect(read).toEqual({ mtu: 1, unknown: attributes.slice(1) });
    expect(toAttributes(TABLE, read)).toEqual(attributes);
  });

  test('a value of the wrong size names its field', () => {
    const bytes = encodeAttributes([{ type: 4, value: Uint8Array.of(1) }]);
    expect(() => fromAttributes(TABLE, bytes)).toThrow(/^mtu: attribute of 1 bytes, expected 4$/);
  });
});

describe('values', () => {
  test('text ends at its NUL', () => {
    expect([...text.encode('ab')]).toEqual([0x61, 0x62, 0]);
    expect([...bareText.encode('ab')]).toEqual([0x61, 0x62]);
    expect(text.decode(Uint8Array.of(0x61, 0, 0x62))).toBe('a');
    expect(text.decode(Uint8Array.of(0x61))).toBe('a');
  });

  test('hardware addresses of any length', () => {
    expect(hardwareAddress.decode(Uint8Array.of(2, 0, 0xff))).toBe('02:00:ff');
    expect([...hardwareAddress.encode('02:00:ff')]).toEqual([2, 0, 0xff]);
    expect(hardwareAddress.encode('')).toHaveLength(0);
  });

  test('addresses of both families, and no other length', () => {
    expect(ip.decode(ip.encode('198.18.0.1' as Ip))).toBe('198.18.0.1');
    expect(ip.decode(ip.encode('fd00::1' as Ip))).toBe('fd00::1');
    expect(() => ip.decode(new Uint8Array(5))).toThrow(DecodeError);
  });
});
