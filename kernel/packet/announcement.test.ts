import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { encodeGratuitousArp, encodeUnsolicitedNa } from './index.ts';

/*
 * The frames Linux 6.18 sends itself for these addresses when a link with arp_notify and ndisc_notify comes up,
 * recorded with tcpdump at the other end of a veth pair.
 */
const MAC = '02:42:c0:00:02:07' as Mac;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const joined = (text: string) => text.replace(/\s/g, '');

test('the gratuitous ARP is what the kernel sends', () => {
  expect(hex(encodeGratuitousArp('192.0.2.7' as Ip, MAC))).toBe(
    joined(`ffff ffff ffff 0242 c000 0207 0806 0001
            0800 0604 0001 0242 c000 0207 c000 0207
            0000 0000 0000 c000 0207`),
  );
});

test('the neighbour advertisement is what the kernel sends', () => {
  expect(hex(encodeUnsolicitedNa('fd00::7' as Ip, MAC))).toBe(
    joined(`3333 0000 0001 0242 c000 0207 86dd 6000
            0000 0020 3aff fd00 0000 0000 0000 0000
            0000 0000 0007 ff02 0000 0000 0000 0000
            0000 0000 0001 8800 9846 2000 0000 fd00
            0000 0000 0000 0000 0000 0000 0007 0201
            0242 c000 0207`),
  );
});

test('the checksum follows the address', () => {
  const frame = hex(encodeUnsolicitedNa('fe80::42:c0ff:fe00:207' as Ip, MAC));
  expect(frame.slice(54 * 2, 58 * 2)).toBe('880012c1');
});
