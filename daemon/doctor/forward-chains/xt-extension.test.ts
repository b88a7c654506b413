import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeXtExtension, matchesFirstPacket } from './xt-extension.ts';

/** As `nft --debug=netlink` shows what iptables-nft -m conntrack sends: only these fields of 164 bytes are set. */
function info(fields: {
  readonly flags: number;
  readonly invert?: number;
  readonly states: number;
}): Uint8Array {
  const bytes = Buffer.alloc(164);
  bytes.writeUInt16LE(fields.flags, 146);
  bytes.writeUInt16LE(fields.invert ?? 0, 148);
  bytes.writeUInt16LE(fields.states, 150);
  return bytes;
}

test.each<[string, Parameters<typeof info>[0], boolean, string]>([
  ['RELATED,ESTABLISHED', { flags: 1, states: 2 | 4 }, false, 'no'],
  ['NEW', { flags: 1, states: 8 }, false, 'yes'],
  ['! NEW', { flags: 1, invert: 1, states: 8 }, false, 'no'],
  ['! ESTABLISHED', { flags: 1, invert: 1, states: 2 }, false, 'yes'],
  ['DNAT of a published port', { flags: 1, states: 128 }, true, 'yes'],
  ['DNAT of another', { flags: 1, states: 128 }, false, 'no'],
  ['NEW and an address', { flags: 1 | 4, states: 8 }, false, 'maybe'],
  ['ESTABLISHED and an address', { flags: 1 | 4, states: 2 }, false, 'no'],
  ['an address only', { flags: 4, states: 0 }, false, 'maybe'],
])('--ctstate %s', (_name, fields, translated, expected) => {
  expect(matchesFirstPacket({ name: 'conntrack', revision: 3, info: info(fields) }, translated)).toBe(
    expected,
  );
});

test('older revisions and short structs are not judged', () => {
  const whole = info({ flags: 1, states: 2 });
  expect(matchesFirstPacket({ name: 'conntrack', revision: 1, info: whole }, false)).toBe('maybe');
  expect(matchesFirstPacket({ name: 'conntrack', revision: 3, info: whole.subarray(0, 151) }, false)).toBe(
    'maybe',
  );
});

test('any bytes decode to something', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(typeof decodeXtExtension(bytes).name).toBe('string');
    }),
  );
});
