import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { encodeProgram } from '../libc/index.ts';
import { DHCP_REPLIES, decodeUdpFrame, encodeUdpFrame, type UdpFrame } from './index.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const FRAME: UdpFrame = {
  source: { mac: '02:42:c0:00:02:07' as Mac, ip: '192.0.2.7' as Ip, port: 68 },
  target: { mac: '02:42:c0:00:02:01' as Mac, ip: '192.0.2.1' as Ip, port: 67 },
  payload: new TextEncoder().encode('weft'),
};

test('the frame has the headers and checksums that RFC 791 and RFC 768 say', () => {
  const bytes = encodeUdpFrame(FRAME);
  expect(hex(bytes.subarray(0, 14))).toBe('0242c00002010242c00002070800');
  // Sums computed by hand: header words add up to 0xffff with their checksum, and so do pseudo-header and datagram.
  const words = (part: Uint8Array) => {
    let sum = 0;
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) + (part[i + 1] ?? 0);
    return (sum & 0xffff) + (sum >>> 16);
  };
  expect(words(bytes.subarray(14, 34))).toBe(0xffff);
  const pseudo = Uint8Array.of(...bytes.subarray(26, 34), 0, 17, ...bytes.subarray(38, 40));
  expect(words(Uint8Array.of(...pseudo, ...bytes.subarray(34)))).toBe(0xffff);
});

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(0xffff), fc.nat(0xffff), (payload, from, to) => {
      const frame: UdpFrame = {
        source: { ...FRAME.source, port: from },
        target: { ...FRAME.target, port: to },
        payload,
      };
      // An Ethernet device pads short frames.
      expect(decodeUdpFrame(Uint8Array.of(...encodeUdpFrame(frame), 0, 0, 0, 0))).toEqual(frame);
    }),
  );
});

describe('a frame that is no whole datagram is not read', () => {
  const changed = (at: number, value: number, repair = false) => {
    const bytes = encodeUdpFrame(FRAME);
    const was = bytes[at] ?? 0;
    bytes[at] = value;
    // Keeps the header's checksum good: one's complement arithmetic on the same half of a word.
    if (repair) {
      const shift = at % 2 === 0 ? 8 : 0;
      const sum = ((bytes[24] ?? 0) << 8) + (bytes[25] ?? 0) + ((was - value) << shift);
      const folded = ((sum % 0xffff) + 0xffff) % 0xffff;
      bytes.set([folded >> 8, folded & 255], 24);
    }
    return bytes;
  };
  test.each([
    ['empty', new Uint8Array()],
    ['cut off', encodeUdpFrame(FRAME).subarray(0, 40)],
    ['another EtherType', changed(13, 6)],
    ['IP version 6', changed(14, 0x65, true)],
    ['a header of 16 bytes', changed(14, 0x44, true)],
    ['TCP', changed(23, 6, true)],
    ['a fragment', changed(20, 0x20, true)],
    ['a later fragment', changed(21, 1, true)],
    ['a bad header checksum', changed(22, 1)],
    ['longer than the frame', changed(17, 200, true)],
    ['a UDP length below eight', changed(39, 7)],
    ['a UDP length beyond the packet', changed(39, 13)],
  ])('%s', (_name, bytes) => {
    expect(decodeUdpFrame(bytes)).toBeUndefined();
  });

  test('the repaired frames are refused for what was changed, not for their checksum', () => {
    expect(decodeUdpFrame(changed(22, 1, true))).toEqual(FRAME);
  });
});

test('any bytes at all do no harm', () => {
  const mostlyUdp = fc
    .tuple(fc.nat(60), fc.nat(255))
    .map(([at, value]) => encodeUdpFrame(FRAME).fill(value, at, at + 1));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), mostlyUdp), (bytes) => {
      const frame = decodeUdpFrame(bytes);
      expect(frame === undefined || frame.payload.length <= bytes.length).toBe(true);
    }),
  );
});

test('the filter is what tcpdump -dd makes of "ip and udp dst port 68"', () => {
  const lines = encodeProgram(DHCP_REPLIES).toString('hex').match(/.{16}/g);
  expect(lines).toEqual(
    [
      '28 00 00 0000000c',
      '15 00 08 00000800',
      '30 00 00 00000017',
      '15 00 06 00000011',
      '28 00 00 00000014',
      '45 04 00 00001fff',
      'b1 00 00 0000000e',
      '48 00 00 00000010',
      '15 00 01 00000044',
      '06 00 00 00040000',
      '06 00 00 00000000',
    ].map((line) => {
      const [code = '', whenTrue = '', whenFalse = '', value = ''] = line.split(' ');
      const little = value.match(/../g)?.reverse().join('');
      return `${code}00${whenTrue}${whenFalse}${little}`;
    }),
  );
});
