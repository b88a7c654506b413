import { describe, expect, test } from 'vitest';
import type { NetworkDriver } from '../../core/driver.ts';
import type { Network } from '../../core/model.ts';
import { aNetworkRequest, aSubnet, OTHER_NETWORK_ID } from '../../test/fakes/builders.ts';
import { LAN_HOST } from '../../test/fakes/lan-host.ts';
import { ipvlanDriver } from '../ipvlan/index.ts';
import { macvlanDriver } from '../macvlan/index.ts';

const P = 'com.docker.network.';
const V6 = { ipv6: [aSubnet('fd00:80::/64')] };

type Change = Parameters<typeof aNetworkRequest>[0];

function make(
  driver: NetworkDriver,
  options: Record<string, string>,
  change: Change = {},
  others: readonly Network[] = [],
): Network {
  const request = aNetworkRequest({ ...change, options });
  return {
    driver: driver.name,
    request,
    options: driver.parseNetwork(request, LAN_HOST, others),
    createdAt: 0,
  };
}

const ELSEWHERE = { id: OTHER_NETWORK_ID, ipv4: [aSubnet('10.81.0.0/24', '10.81.0.1/24')] };

describe.each([macvlanDriver as NetworkDriver, ipvlanDriver as NetworkDriver])(
  'options of $name',
  (driver) => {
    test.each([
      [{}, { ownParent: true, internal: true, hostAccess: false, ifacePrefix: 'eth', ignored: [] }],
      [{ parent: '' }, { ownParent: true }],
      [{ parent: 'eth0' }, { parent: 'eth0', ownParent: false, internal: false }],
      [{ parent: 'eth0.7' }, { parent: 'eth0.7', ownParent: false }],
      [{ parent: 'eth0.1' }, { parent: 'eth0.1', vlan: { device: 'eth0', id: 1 } }],
      [{ parent: 'eth0.4094' }, { vlan: { device: 'eth0', id: 4094 } }],
      [{ parent: 'eth3.5' }, { vlan: { device: 'eth3', id: 5 } }],
      [{ parent: 'eth0', [`${P}driver.mtu`]: '1400' }, { mtu: 1400 }],
      [{ [`${P}driver.mtu`]: '9000' }, { mtu: 9000 }],
      [
        { parent: 'eth0', [`${P}internal`]: 'true' },
        { internal: true, ownParent: false },
      ],
      [{ [`${P}container_iface_prefix`]: 'lan' }, { ifacePrefix: 'lan' }],
      [{ 'weft.dns.ttl': '7' }, { dnsTtl: 7 }],
      [{ [`${P}bridge.name`]: 'x' }, { ignored: [`${P}bridge.name`] }],
    ])('%j gives %j', (options, expected) => {
      expect(make(driver, options as Record<string, string>).options).toMatchObject(expected);
    });

    test.each([
      [
        { parent: 'eth9' },
        /option parent is "eth9": this host has no such device; DEVICE\.ID would be a VLAN/,
      ],
      [{ parent: 'eth9.5' }, /option parent is "eth9\.5": this host has no device eth9/],
      [{ parent: 'lo' }, /option parent is "lo": nothing can stand on the loopback device/],
      [{ parent: 'lo.5' }, /option parent is "lo\.5": nothing can stand on the loopback device/],
      [{ parent: 'eth0.0' }, /option parent is "eth0\.0": VLAN ids are 1 to 4094/],
      [{ parent: 'eth0.4095' }, /VLAN ids are 1 to 4094/],
      [{ parent: 'eth0.99999999' }, /VLAN ids are 1 to 4094/],
      [{ parent: 'eth0.x' }, /this host has no such device/],
      [{ parent: 'eth0.-1' }, /this host has no such device/],
      [{ parent: 'wp-aaaaaaaaaa' }, /names that begin with wb-, .* or wh- are weft's own/],
      [{ parent: 'a/b' }, /"a\/b" is not an interface name/],
      [{ parent: 'a-name-of-16-byt' }, /is not an interface name/],
      [{ parent: 'eth3' }, /option parent is "eth3": it is a port of the bridge br0, which takes all of its/],
      [{ parent: 'eth0', [`${P}driver.mtu`]: '1501' }, /driver\.mtu is "1501": its parent eth0 carries 1500/],
      [{ parent: 'eth0.5', [`${P}driver.mtu`]: '1501' }, /its parent eth0\.5 carries 1500 bytes/],
      [{ [`${P}driver.mtu`]: '67' }, /from 68 to 65535/],
      [{ [`${P}driver.mtu`]: 'big' }, /driver\.mtu is "big": expected a whole number/],
      [{ [`${P}internal`]: 'maybe' }, /internal is "maybe": expected "true" or "false"/],
      [{ [`${P}container_iface_prefix`]: 'lo' }, /container_iface_prefix is "lo": expected a letter/],
      [{ 'weft.host_access': 'yes' }, /weft\.host_access is "yes": expected "true" or "false"/],
      [{ 'weft.dns.ttl': '86401' }, /from 0 to 86400/],
      [{ 'weft.hostaccess': 'true' }, /has no option "weft\.hostaccess"; the nearest is "weft\.host_access"/],
      [{ mode: 'l2' }, /has no option "mode"/],
    ])('%j is refused', (options, message) => {
      expect(() => make(driver, options as Record<string, string>)).toThrow(message);
    });

    test('a sub-interface that is there is a device like others, and MTU 0 is none', () => {
      const { options } = make(driver, { parent: 'eth0.7', [`${P}driver.mtu`]: '0' });
      expect(options).not.toHaveProperty('vlan');
      expect(options).not.toHaveProperty('mtu');
    });

    test('a subnet without IPv6’s least MTU is refused', () => {
      expect(() => make(driver, { [`${P}driver.mtu`]: '1000' }, V6)).toThrow(/from 1280 to 65535/);
    });

    test('a subnet of another network, and one of every address', () => {
      expect(() => make(driver, {}, { id: OTHER_NETWORK_ID }, [make(driver, {})])).toThrow(/overlaps/);
      expect(() => make(driver, {}, { ipv4: [aSubnet('0.0.0.0/0')] })).toThrow(/the null IPAM driver/);
    });

    test('needs no gateway, is on the LAN of its parent, and names none without', () => {
      const skipped = (options: Record<string, string>) => driver.skipGateway(aNetworkRequest({ options }));
      expect(skipped({})).toEqual({ ipv4: true, ipv6: true });
      expect(skipped({ parent: 'eth0', 'weft.host_access': 'true' })).toEqual({ ipv4: true, ipv6: true });
      expect(skipped({ parent: '', 'weft.host_access': 'true' })).toEqual({ ipv4: false, ipv6: true });
      expect(skipped({ 'weft.host_access': '0' })).toEqual({ ipv4: true, ipv6: true });
      expect(driver.lanLink?.(make(driver, { parent: 'eth0' }))).toBe('eth0');
      expect(driver.lanLink?.(make(driver, { parent: 'eth0.9' }))).toBe('eth0.9');
      expect(driver.lanLink?.(make(driver, { parent: 'eth0' }, { internal: true }))).toBe('eth0');
      expect(driver.lanLink?.(make(driver, {}))).toBeUndefined();
    });
  },
);

describe('a parent that others have', () => {
  const macvlan = macvlanDriver as NetworkDriver;
  const ipvlan = ipvlanDriver as NetworkDriver;

  test.each<
    [string, NetworkDriver, Record<string, string>, NetworkDriver, Record<string, string>, RegExp | undefined]
  >([
    ['macvlan beside macvlan', macvlan, {}, macvlan, { macvlan_mode: 'private' }, undefined],
    [
      'ipvlan beside macvlan',
      macvlan,
      {},
      ipvlan,
      {},
      /weft-macvlan network a1a1a1a1a1a1 has it, and one device carries ipvlan or macvlan links, not both/,
    ],
    ['macvlan beside ipvlan', ipvlan, {}, macvlan, {}, /weft-ipvlan network a1a1a1a1a1a1 has it/],
    [
      'passthru beside another',
      macvlan,
      {},
      macvlan,
      { macvlan_mode: 'passthru' },
      /mode "passthru" would have its parent alone/,
    ],
    [
      'another beside passthru',
      macvlan,
      { macvlan_mode: 'passthru' },
      macvlan,
      {},
      /mode "passthru" has its parent alone/,
    ],
    ['ipvlan of one mode and flag', ipvlan, { ipvlan_mode: 'l3' }, ipvlan, { ipvlan_mode: 'l3' }, undefined],
    [
      'ipvlan of another mode',
      ipvlan,
      { ipvlan_mode: 'l3' },
      ipvlan,
      {},
      /one mode and one flag, there ipvlan_mode=l3 and ipvlan_flag=bridge/,
    ],
    ['ipvlan of another flag', ipvlan, {}, ipvlan, { ipvlan_flag: 'vepa' }, /one mode and one flag/],
  ])('%s', (_name, first, options, second, more, message) => {
    const there = make(first, { parent: 'eth0', ...options });
    const join = () => make(second, { parent: 'eth0', ...more }, ELSEWHERE, [there]);
    if (message === undefined) expect(join().options).toMatchObject({ parent: 'eth0' });
    else expect(join).toThrow(message);
    expect(make(second, { parent: 'eth0.9', ...more }, ELSEWHERE, [there]).options).toMatchObject({
      parent: 'eth0.9',
    });
  });

  test('links of the host that are the other kind', () => {
    expect(() => make(ipvlan, { parent: 'eth1' })).toThrow(/the macvtap link m1 stands on it/);
    expect(() => make(macvlan, { parent: 'eth2' })).toThrow(/the ipvlan link i2 stands on it/);
    expect(make(macvlan, { parent: 'eth1' }).options).toMatchObject({ parent: 'eth1' });
  });
});
