import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { IfName } from '../../core/ids.ts';
import type { VxlanLink } from '../../core/kernel-objects.ts';
import { goldenHex } from '../../test/support/golden-hex.ts';
import { decodeLink, encodeLink } from '../netlink/index.ts';
import { canBecome, createVxlan, floodOf, repairVxlan } from './vxlan-messages.ts';

const LINK: VxlanLink = {
  kind: 'link',
  type: 'vxlan',
  name: 'wx-x' as IfName,
  vni: 42,
  local: '192.0.2.1' as Ip,
  port: 4789,
  mtu: 1400,
  alias: 'weft:n',
  master: 'wb-x' as IfName,
  flood: false,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const payloadOf = (golden: string): Uint8Array => goldenHex(golden).subarray(16);

describe('requests are those of iproute2', () => {
  test('creation', () => {
    const [create] = createVxlan(LINK, 3, true);
    expect(hex(create?.payload ?? new Uint8Array())).toBe(hex(payloadOf('vxlan-checksums')));
    expect(create?.step).toBe('create vxlan wx-x (VNI 42, port 4789)');
  });

  test('another underlay address', () => {
    const [correct] = repairVxlan({ ...LINK, local: '192.0.2.9' as Ip }, 3, true);
    const theirs = decodeLink(payloadOf('vxlan-local'));
    expect(decodeLink(correct?.payload ?? new Uint8Array()).fields.info).toEqual(theirs.fields.info);
  });

  test('port settings', () => {
    const setUp = createVxlan(LINK, 3, true).at(-1);
    const { fields } = decodeLink(setUp?.payload ?? new Uint8Array());
    const slaveData = decodeLink(payloadOf('bridge-slave-tunnel')).fields.info?.slaveData ?? new Uint8Array();
    const theirs = decodeLink(encodeLink({}, { info: { slaveKind: 'bridge', slaveData } }));
    expect(fields.info?.bridgePort).toEqual(theirs.fields.info?.bridgePort);
  });

  test('an IPv6 underlay is named by its own attribute', () => {
    const local = '2001:db8::1' as Ip;
    const [create] = createVxlan({ ...LINK, local }, 3, true);
    const { info } = decodeLink(create?.payload ?? new Uint8Array()).fields;
    expect([info?.vxlan?.local6, info?.vxlan?.local]).toEqual([local, undefined]);
  });
});

describe('port settings read back', () => {
  const portOf = (flood: boolean) =>
    decodeLink(createVxlan({ ...LINK, flood }, 3, true).at(-1)?.payload ?? new Uint8Array()).fields.info
      ?.bridgePort ?? {};

  test('say whether it floods', () => {
    expect([floodOf(portOf(true)), floodOf(portOf(false))]).toEqual([true, false]);
  });

  test.each(Object.entries(portOf(true)))(
    'with another value of %s are not those of a VXLAN device of weft’s',
    (name, value) => {
      expect(floodOf({ ...portOf(true), [name]: 1 - Number(value) })).toBeUndefined();
    },
  );

  test('are missing while it is no port', () => {
    expect(floodOf(undefined)).toBeUndefined();
  });
});

test.each<[string, Partial<VxlanLink>, boolean]>([
  ['MTU, alias, master and flooding', { mtu: 1300, alias: 'x', master: 'b' as IfName, flood: true }, true],
  ['address', { local: '192.0.2.9' as Ip }, true],
  ['family of the address', { local: '2001:db8::1' as Ip }, false],
  ['VNI', { vni: 43 }, false],
  ['port', { port: 4790 }, false],
])('a device can or cannot change its %s', (_what, change, can) => {
  expect(canBecome(LINK, { ...LINK, ...change })).toBe(can);
});
