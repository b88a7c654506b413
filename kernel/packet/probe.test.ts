import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import {
  arpClaim,
  discoveryClaim,
  encodeArpProbe,
  encodeDadSolicitation,
  encodeGratuitousArp,
  encodeUnsolicitedNa,
} from './index.ts';

const MAC = '02:42:c0:00:02:07' as Mac;
const V4 = '192.0.2.7' as Ip;
const V6 = 'fd00::7' as Ip;
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const NONCE = bytes('1b5286397de6');

/** What Linux 6.18 sends when fd00::7 is put on a link, recorded with tcpdump at the other end of a veth pair. */
const DAD = bytes(`3333 ff00 0007 0242 c000 0207 86dd 6000
                   0000 0020 3aff 0000 0000 0000 0000 0000
                   0000 0000 0000 ff02 0000 0000 0000 0000
                   0001 ff00 0007 8700 501e 0000 0000 fd00
                   0000 0000 0000 0000 0000 0000 0007 0e01
                   1b52 8639 7de6`);
/** What `busybox arping -D` sends, with the zero target hardware address that RFC 5227 section 2.1.1 wants. */
const ARP_PROBE = bytes(`ffff ffff ffff 0242 c000 0207 0806 0001
                         0800 0604 0001 0242 c000 0207 0000 0000
                         0000 0000 0000 c000 0207`);
const ARP_REPLY = bytes(`0242 c000 0299 0242 c000 0207 0806 0001
                         0800 0604 0002 0242 c000 0207 c000 0207
                         0242 c000 0299 0000 0000 0000 0000 0000
                         0000 0000 0000 0000 0000 0000`);

/** A frame with some of its bytes changed. */
function changed(frame: Uint8Array, at: number, ...to: readonly number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(to, at);
  return copy;
}

describe('probes', () => {
  test('the ARP probe is that of RFC 5227', () => expect(encodeArpProbe(MAC, V4)).toEqual(ARP_PROBE));
  test('the solicitation is what the kernel sends', () =>
    expect(encodeDadSolicitation(MAC, V6, NONCE)).toEqual(DAD));
});

describe('claims', () => {
  test.each([
    ['a probe: about to be taken', ARP_PROBE],
    ['a reply, padded to 60 bytes', ARP_REPLY],
    ['an announcement', encodeGratuitousArp(V4, MAC)],
    ['a question of whoever has the address', changed(ARP_REPLY, 21, 1)],
  ])('ARP: %s', (_, frame) => expect(arpClaim(frame)).toEqual({ ip: V4, mac: MAC }));

  test.each([
    ['an advertisement', encodeUnsolicitedNa(V6, MAC), {}],
    ['an advertisement without a MAC option', encodeUnsolicitedNa(V6, MAC).subarray(0, 78), {}],
    ['a solicitation: about to be taken', DAD, { nonce: NONCE }],
    ['a solicitation without nonce', DAD.subarray(0, 78), {}],
  ])('discovery: %s', (_, frame, more) =>
    expect(discoveryClaim(frame)).toEqual({ ip: V6, mac: MAC, ...more }),
  );

  test('an advertisement says whose the address is, whoever sends it', () =>
    expect(discoveryClaim(changed(encodeUnsolicitedNa(V6, MAC), 6, 2, 0, 0, 0, 0, 9))?.mac).toBe(MAC));

  test('a question of a host for another one shows that the host’s own address is in use', () =>
    expect(discoveryClaim(changed(DAD, 22, ...bytes('fd00000000000000000000000000000a')))).toEqual({
      ip: 'fd00::a',
      mac: MAC,
    }));

  test.each([
    ['is cut short', ARP_PROBE.subarray(0, 41)],
    ['is no Ethernet', changed(ARP_PROBE, 15, 6)],
    ['is no IPv4', changed(ARP_PROBE, 16, 0x86, 0xdd)],
    ['has other lengths', changed(ARP_PROBE, 18, 8)],
    ['is an answer without an address', changed(ARP_PROBE, 21, 2)],
  ])('ARP that %s claims nothing', (_, frame) => expect(arpClaim(frame)).toBeUndefined());

  test.each([
    ['is cut short', DAD.subarray(0, 77)],
    ['came through a router', changed(DAD, 21, 254)],
    ['is another protocol', changed(DAD, 20, 17)],
    ['is an echo', changed(DAD, 54, 128)],
  ])('what %s claims nothing', (_, frame) => expect(discoveryClaim(frame)).toBeUndefined());

  test.each([
    ['of no length', 0],
    ['longer than the frame', 9],
  ])('an option %s is left alone', (_, units) =>
    expect(discoveryClaim(changed(DAD, 79, units))).toEqual({ ip: V6, mac: MAC }),
  );

  test('no bytes make a decoder throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 128 }), fc.nat(85), (tail, at) => {
        for (const frame of [tail, changed(DAD, at, ...tail.subarray(0, 86 - at))]) {
          arpClaim(frame);
          discoveryClaim(frame);
        }
      }),
    );
  });
});
