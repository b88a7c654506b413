import { describe, expect, test } from 'vitest';
import type { IfName, Mac, SandboxKey } from '../../core/ids.ts';
import type { IpvlanLink, MacvlanLink, VlanLink } from '../../core/kernel-objects.ts';
import { goldenHex } from '../../test/support/golden-hex.ts';
import { decodeLink, encodeLink, IFF } from '../netlink/index.ts';
import { childCanBecome, childSettings, createChild, setUpChild } from './child-messages.ts';
import { linkObject } from './link-object.ts';

const COMMON = { kind: 'link', parent: 'p' as IfName, alias: 'weft:n' } as const;
const MACVLAN: MacvlanLink = { ...COMMON, type: 'macvlan', name: 'm0' as IfName, mode: 'bridge' };
const IPVLAN: IpvlanLink = {
  ...COMMON,
  type: 'ipvlan',
  name: 'i0' as IfName,
  mode: 'l3s',
  flag: 'private',
};
const VLAN: VlanLink = { ...COMMON, type: 'vlan', name: 'p.50' as IfName, vlan: 50 };
const SANDBOX = '/run/docker/netns/x' as SandboxKey;

const fieldsOf = (payload: Uint8Array | undefined) => decodeLink(payload ?? new Uint8Array());

describe('requests are those of iproute2', () => {
  test.each([
    ['macvlan-create', MACVLAN],
    ['ipvlan-create', IPVLAN],
    ['vlan-create', VLAN],
  ])('%s', (golden, link) => {
    const theirs = decodeLink(goldenHex(golden).subarray(16));
    expect(fieldsOf(createChild(link, 2).payload).fields).toEqual(theirs.fields);
  });
});

describe('a link on a parent', () => {
  test('is made with MAC and MTU, in another namespace if one is given', () => {
    const link = { ...MACVLAN, mac: '02:00:00:00:00:01' as Mac, mtu: 1400 };
    const { fields } = fieldsOf(createChild(link, 2, 17).payload);
    expect(fields).toMatchObject({ address: '02:00:00:00:00:01', mtu: 1400, netNsFd: 17, link: 2 });
    expect(createChild(link, 2).step).toBe('create macvlan m0 on p');
  });

  test('is left down for Docker, and brought up where it is the host’s', () => {
    const flags = (link: MacvlanLink | VlanLink) =>
      setUpChild(link, true).map(({ payload }) => fieldsOf(payload).header.flags & IFF.IFF_UP);
    expect(flags({ ...MACVLAN, sandbox: SANDBOX })).toEqual([0]);
    expect(flags(MACVLAN)).toEqual([0, IFF.IFF_UP]);
    expect(flags(VLAN)).toEqual([0, IFF.IFF_UP]);
    const [settings] = setUpChild(MACVLAN, true);
    expect(fieldsOf(settings?.payload).fields.afSpec?.inet?.conf).toEqual({ 13: 1 });
  });

  test.each([
    ['parent', MACVLAN, { ...MACVLAN, parent: 'q' as IfName }],
    ['mode', MACVLAN, { ...MACVLAN, mode: 'vepa' as const }],
    ['flag', IPVLAN, { ...IPVLAN, flag: 'vepa' as const }],
    ['VLAN id', VLAN, { ...VLAN, vlan: 51 }],
    ['kind', MACVLAN, IPVLAN],
  ])('is made again for another %s', (_what, was, link) => {
    expect(childCanBecome(was, link)).toBe(false);
    expect(childCanBecome(link, link)).toBe(true);
  });

  test.each([MACVLAN, IPVLAN, VLAN])('is read back as $type', (link) => {
    const { fields } = fieldsOf(createChild(link, 2).payload);
    const seen = decodeLink(encodeLink({ flags: IFF.IFF_UP }, { ...fields, alias: link.alias }));
    expect(linkObject(seen, link, (index) => (index === 2 ? 'p' : undefined))).toEqual(link);
    expect(linkObject(seen, undefined, () => undefined)).toMatchObject({ parent: '' });
  });

  test('with settings that weft never gives is foreign', () => {
    const odd = decodeLink(encodeLink({}, { name: 'm', info: { kind: 'macvlan', macvlan: { mode: 16 } } }));
    expect(childSettings(odd)).toBeUndefined();
    expect(linkObject(odd, undefined, () => undefined)).toMatchObject({ type: 'foreign', found: 'macvlan' });
  });
});
