import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Ip, ipFromBytes } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Mac } from '../../core/ids.ts';
import { type DhcpMessage, decodeMessage, encodeMessage } from './message.ts';
import { type DhcpOptions, MESSAGE_TYPES } from './options.ts';

const OFFER: DhcpMessage = {
  op: 'reply',
  xid: 0x01020304,
  secs: 5,
  broadcast: true,
  ciaddr: '0.0.0.0' as Ip,
  yiaddr: '192.0.2.77' as Ip,
  giaddr: '0.0.0.0' as Ip,
  chaddr: '02:42:00:00:00:77' as Mac,
  options: {
    type: 'offer',
    prefix: 24,
    router: '192.0.2.254' as Ip,
    leaseTime: 3600,
    server: '192.0.2.1' as Ip,
    t1: 1800,
    t2: 3150,
  },
};

/** Where the options field begins: after 236 bytes and the cookie. */
const OPTIONS_AT = 240;

function withOptions(options: readonly number[]): Uint8Array {
  const bytes = encodeMessage(OFFER).fill(0, OPTIONS_AT);
  bytes.set(options, OPTIONS_AT);
  return bytes;
}

test('the fixed part is as RFC 2131 figure 1 draws it', () => {
  const bytes = Buffer.from(encodeMessage(OFFER));
  expect(bytes.length).toBe(300);
  expect(bytes.subarray(0, 34).toString('hex')).toBe(
    `02010600${'01020304'}${'0005'}${'8000'}${'00000000'}${'c000024d'}${'00000000'}${'00000000'}${'024200000077'}`,
  );
  expect(bytes.subarray(236, 244).toString('hex')).toBe('6382536335010201');
});

const ip = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ipFromBytes(bytes));
const seconds = fc.nat(0xffffffff);
const options: fc.Arbitrary<DhcpOptions> = fc.record(
  {
    type: fc.constantFrom(...MESSAGE_TYPES),
    prefix: fc.integer({ min: 0, max: 32 }),
    router: ip,
    hostname: fc.stringMatching(/^[a-z0-9-]{1,63}$/),
    requestedIp: ip,
    leaseTime: seconds,
    server: ip,
    parameters: fc.array(fc.nat(255), { minLength: 1, maxLength: 20 }),
    text: fc.stringMatching(/^[ -~]{1,100}$/),
    maxSize: fc.integer({ min: 576, max: 0xffff }),
    t1: seconds,
    t2: seconds,
    clientId: fc.uint8Array({ minLength: 2, maxLength: 40 }),
  },
  { requiredKeys: ['type'] },
);
const messages: fc.Arbitrary<DhcpMessage> = fc.record({
  op: fc.constantFrom('request', 'reply'),
  xid: fc.nat(0xffffffff),
  secs: fc.nat(0xffff),
  broadcast: fc.boolean(),
  ciaddr: ip,
  yiaddr: ip,
  giaddr: ip,
  chaddr: fc
    .uint8Array({ minLength: 6, maxLength: 6 })
    .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac),
  options,
});

test('what is written is read', () => {
  fc.assert(
    fc.property(messages, (message) => {
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    }),
  );
});

test('any bytes at all are a message or a DecodeError that names a field', () => {
  const damaged = fc
    .tuple(messages, fc.array(fc.tuple(fc.nat(299), fc.nat(255)), { maxLength: 5 }), fc.nat(320))
    .map(([message, changes, length]) => {
      const bytes = encodeMessage(message);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), damaged), (bytes) => {
      try {
        expect(MESSAGE_TYPES).toContain(decodeMessage(bytes).options.type);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        expect((error as DecodeError).context['field']).toMatch(/^(op|htype|hlen|cookie|length|option \d+)$/);
      }
    }),
    { numRuns: 2000 },
  );
});

describe('what is wrong is named', () => {
  const changed = (at: number, value: number) => encodeMessage(OFFER).fill(value, at, at + 1);
  test.each([
    ['length', encodeMessage(OFFER).subarray(0, 239)],
    ['op', changed(0, 3)],
    ['htype', changed(1, 6)],
    ['hlen', changed(2, 8)],
    ['cookie', changed(236, 0)],
    ['option 53', withOptions([255])],
    ['option 53', withOptions([53, 1, 9, 255])],
    ['option 53', withOptions([53, 2, 1, 1, 255])],
    ['option 1', withOptions([53, 1, 2, 1, 4, 255, 0, 255, 0, 255])],
    ['option 1', withOptions([53, 1, 2, 1, 3, 255, 255, 255, 255])],
    ['option 3', withOptions([53, 1, 2, 3, 5, 1, 2, 3, 4, 5, 255])],
    ['option 51', withOptions([53, 1, 2, 51, 2, 1, 1, 255])],
    ['option 54', withOptions([53, 1, 2, 54, 0, 255])],
    ['option 54', withOptions([53, 1, 2, ...new Array(55).fill(0), 54, 4])],
    ['option 52', withOptions([53, 1, 2, 52, 2, 1, 1, 255])],
  ])('%s', (field, bytes) => {
    expect(() => decodeMessage(bytes)).toThrow(
      expect.objectContaining({ code: 'decode', context: { field } }),
    );
  });
});

describe('options', () => {
  test('unknown ones and padding are passed over', () => {
    const read = decodeMessage(withOptions([0, 53, 1, 2, 0, 200, 2, 9, 9, 54, 4, 192, 0, 2, 1, 255]));
    expect(read.options).toEqual({ type: 'offer', server: '192.0.2.1' });
  });

  test('what stands after the end is not one', () => {
    expect(decodeMessage(withOptions([53, 1, 2, 255, 51, 4, 0, 0, 0, 9])).options).toEqual({ type: 'offer' });
  });

  test('one in two pieces is one (RFC 3396)', () => {
    expect(decodeMessage(withOptions([53, 1, 2, 54, 2, 192, 0, 54, 2, 2, 1, 255])).options.server).toBe(
      '192.0.2.1',
    );
  });

  test('are read from file and sname too, when option 52 says so', () => {
    const bytes = withOptions([53, 1, 2, 52, 1, 3, 255]);
    bytes.set([51, 4, 0, 0, 1, 0, 255], 108);
    bytes.set([54, 4, 192, 0, 2, 1, 255], 44);
    expect(decodeMessage(bytes).options).toEqual({ type: 'offer', leaseTime: 256, server: '192.0.2.1' });
  });

  test('the first router counts; control characters of a text do not', () => {
    const read = decodeMessage(
      withOptions([53, 1, 6, 3, 8, 192, 0, 2, 9, 192, 0, 2, 8, 56, 4, 110, 111, 27, 0, 255]),
    );
    expect(read.options).toEqual({ type: 'nak', router: '192.0.2.9', text: 'no' });
  });

  test('a value that is too long is a bug of ours', () => {
    expect(() => encodeMessage({ ...OFFER, options: { type: 'offer', hostname: 'x'.repeat(256) } })).toThrow(
      RangeError,
    );
  });
});
