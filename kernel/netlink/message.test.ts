import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { errnoName, errnoText } from './errno.ts';
import { decodeDone, decodeError, decodeMessages, encodeMessages } from './message.ts';
import { kernelError } from './netlink-error.ts';

/** An NLMSG_ERROR payload: errno, the request's header, the rest of it, then attributes. */
function errorPayload(
  errno: number,
  requestLength: number,
  echoed: number,
  attributes: readonly number[] = [],
) {
  const bytes = Buffer.alloc(20 + echoed);
  bytes.writeInt32LE(-errno, 0);
  bytes.writeUInt32LE(requestLength, 4);
  return new Uint8Array(Buffer.concat([bytes, Uint8Array.from(attributes)]));
}
const MSG = [9, 0, 1, 0, 0x62, 0x61, 0x64, 0x21, 0, 0, 0, 0];
const OFFS = [8, 0, 2, 0, 36, 0, 0, 0];
const ACK_TLVS = 0x200;
const CAPPED = 0x100;

describe('framing', () => {
  test('messages are numbered and padded, and come apart again', () => {
    const messages = [
      { type: 16, flags: 5, payload: Uint8Array.of(1, 2, 3) },
      { type: 18, flags: 1, payload: new Uint8Array() },
    ];
    const bytes = encodeMessages(messages, 7);
    expect(bytes).toHaveLength(20 + 16);
    expect(decodeMessages(bytes)).toEqual(
      messages.map((message, i) => ({ ...message, seq: 7 + i, port: 0 })),
    );
  });

  test('lengths beyond the datagram are refused', () => {
    const bytes = encodeMessages([{ type: 1, flags: 0, payload: new Uint8Array(4) }], 1);
    expect(() => decodeMessages(bytes.subarray(0, 18))).toThrow(DecodeError);
    expect(() => decodeMessages(new Uint8Array(8))).toThrow(DecodeError);
    expect(() => decodeMessages(new Uint8Array(16))).toThrow(DecodeError);
  });
});

describe('acknowledgements', () => {
  test('an errno with text and offset, the request not echoed', () => {
    const payload = errorPayload(22, 100, 0, [...MSG, ...OFFS]);
    expect(decodeError({ type: 2, flags: ACK_TLVS | CAPPED, payload })).toEqual({
      errno: 22,
      text: 'bad!',
      offset: 36,
    });
  });

  test('the attributes come after an echoed request', () => {
    const payload = errorPayload(17, 40, 24, MSG);
    expect(decodeError({ type: 2, flags: ACK_TLVS, payload })).toEqual({ errno: 17, text: 'bad!' });
  });

  test('without the flag there are no attributes', () => {
    expect(decodeError({ type: 2, flags: 0, payload: errorPayload(17, 40, 24) })).toEqual({ errno: 17 });
    expect(decodeError({ type: 2, flags: CAPPED, payload: errorPayload(0, 40, 0) })).toEqual({ errno: 0 });
  });

  test('the end of a dump may carry an errno', () => {
    const payload = Uint8Array.from([0xfe, 0xff, 0xff, 0xff, ...MSG]);
    expect(decodeDone({ type: 3, flags: ACK_TLVS, payload })).toEqual({ errno: 2, text: 'bad!' });
    expect(decodeDone({ type: 3, flags: 0, payload: new Uint8Array(4) })).toEqual({ errno: 0 });
    expect(decodeDone({ type: 3, flags: 0, payload: new Uint8Array() })).toEqual({ errno: 0 });
  });

  test('random bytes give a value or DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0xffff), (payload, flags) => {
        for (const decode of [decodeError, decodeDone]) {
          try {
            decode({ type: 2, flags, payload });
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('errors', () => {
  test('names and sentences of errno', () => {
    expect([17, 19, 11, 95, 85, 105].map(errnoName)).toEqual([
      'EEXIST',
      'ENODEV',
      'EAGAIN',
      'EOPNOTSUPP',
      'ERESTART',
      'ENOBUFS',
    ]);
    expect(errnoText(17)).toBe('file already exists');
    expect(errnoText(85)).toBe('ERESTART');
  });

  test('say step, reason and position', () => {
    const error = kernelError({ errno: 22, text: 'bad mtu' }, 'create bridge b', 3);
    expect(error.message).toBe('create bridge b: bad mtu (EINVAL)');
    expect(error.context).toEqual({ errno: 'EINVAL', extack: 'bad mtu', step: 'create bridge b', index: 3 });
    expect(kernelError({ errno: 17 }, 'create bridge b').message).toBe(
      'create bridge b: file already exists (EEXIST)',
    );
  });
});
