import { describe, expect, test } from 'vitest';
import { aNetworkRequest, aSubnet } from '../../test/fakes/builders.ts';
import { parseOverlayOptions } from './options.ts';

const P = 'com.docker.network.';
const LIST = `${P}driver.overlay.vxlanid_list`;
const NAME = 'expected 1–63 letters, digits, ".", "_" or "-", beginning with a letter or digit';

function parse(options: Record<string, string>, change: Parameters<typeof aNetworkRequest>[0] = {}) {
  return parseOverlayOptions(aNetworkRequest({ ...change, options }));
}

describe('weft-overlay options', () => {
  test('have defaults', () => {
    expect(parse({})).toEqual({
      multicast: false,
      masquerade: true,
      modeIpv4: 'nat',
      modeIpv6: 'nat',
      ifacePrefix: 'eth',
      announcements: 3,
      announceMs: 1000,
      isolate: true,
      internal: false,
      ignored: [],
    });
  });

  test.each([
    [{ 'weft.network': 'app_net-1.x' }, { network: 'app_net-1.x' }],
    [{ 'weft.network': 'a'.repeat(63) }, { network: 'a'.repeat(63) }],
    [{ 'weft.vni': '1' }, { vni: 1 }],
    [{ 'weft.vni': '16777215' }, { vni: 16_777_215 }],
    [{ [LIST]: '4097' }, { vni: 4097, ignored: [] }],
    [{ [LIST]: '4097,4098,4099' }, { vni: 4097, ignored: [`${LIST} after the first: 4098,4099`] }],
    [{ [LIST]: '4097', 'weft.vni': '4097' }, { vni: 4097 }],
    [{ 'weft.multicast': 'true' }, { multicast: true }],
    [{ 'weft.multicast': 'F' }, { multicast: false }],
    [{ 'weft.isolate': 'false' }, { isolate: false }],
    [{ [`${P}driver.mtu`]: '8950' }, { mtu: 8950 }],
    [{ [`${P}driver.mtu`]: '68' }, { mtu: 68 }],
    [{ [`${P}bridge.host_binding_ipv4`]: '127.0.0.1' }, { hostBinding: '127.0.0.1' }],
    [{ [`${P}bridge.enable_ip_masquerade`]: 'false' }, { masquerade: false }],
    [{ [`${P}bridge.gateway_mode_ipv4`]: 'nat-unprotected' }, { modeIpv4: 'nat-unprotected' }],
    [{ [`${P}bridge.gateway_mode_ipv6`]: 'nat-unprotected' }, { modeIpv6: 'nat-unprotected' }],
    [{ [`${P}host_ipv4`]: '192.0.2.7' }, { snatIpv4: '192.0.2.7' }],
    [{ [`${P}host_ipv6`]: '2001:DB8::7' }, { snatIpv6: '2001:db8::7' }],
    [{ [`${P}container_iface_prefix`]: 'net' }, { ifacePrefix: 'net' }],
    [{ [`${P}internal`]: 'true' }, { internal: true }],
    [{ [`${P}advertise_addr_nmsgs`]: '0' }, { announcements: 0 }],
    [{ [`${P}advertise_addr_ms`]: '100' }, { announceMs: 100 }],
    [{ [`${P}enable_ipv6`]: 'true', [`${P}enable_ipv4`]: 'true' }, { ignored: [] }],
    [{ encrypted: 'false' }, { ignored: [] }],
    [{ encrypted: '0' }, { ignored: [] }],
    [{ [`${P}bridge.enable_icc`]: 'true' }, { ignored: [] }],
    [{ [`${P}bridge.name`]: 'br9' }, { ignored: [`${P}bridge.name`] }],
    [{ [`${P}bridge.inhibit_ipv4`]: 'true' }, { ignored: [`${P}bridge.inhibit_ipv4`] }],
    [{ [`${P}some.future.key`]: 'x' }, { ignored: [`${P}some.future.key`] }],
  ])('%j gives %j', (options, expected) => {
    expect(parse(options as unknown as Record<string, string>)).toMatchObject(expected);
  });

  test('an empty value is none, as for every driver', () => {
    expect(parse({ 'weft.network': '', 'weft.vni': '', [LIST]: '', 'weft.multicast': '' })).toEqual(
      parse({}),
    );
    expect(parse({ [`${P}driver.mtu`]: '0' })).toEqual(parse({}));
  });

  test('the flag --internal is the option', () => {
    expect(parse({}, { internal: true }).internal).toBe(true);
  });

  test.each([
    [{ 'weft.network': '-app' }, `option weft.network is "-app": ${NAME}`],
    [{ 'weft.network': 'a/b' }, `option weft.network is "a/b": ${NAME}`],
    [{ 'weft.network': 'a'.repeat(64) }, NAME],
    [{ 'weft.network': 'größe' }, NAME],
    [{ 'weft.vni': '0' }, 'option weft.vni is "0": expected a whole number from 1 to 16777215'],
    [{ 'weft.vni': '16777216' }, 'option weft.vni is "16777216"'],
    [{ 'weft.vni': '0x10' }, 'option weft.vni is "0x10"'],
    [
      { [LIST]: '4097,' },
      `option ${LIST} is "4097,": expected whole numbers from 1 to 16777215, separated by commas`,
    ],
    [{ [LIST]: '4097,0' }, `option ${LIST} is "4097,0"`],
    [{ [LIST]: '4097 4098' }, `option ${LIST} is "4097 4098"`],
    [
      { [LIST]: '4097', 'weft.vni': '5000' },
      `option weft.vni is "5000" and option ${LIST} begins with "4097": give one`,
    ],
    [{ 'weft.multicast': 'on' }, 'option weft.multicast is "on": expected "true" or "false"'],
    [{ 'weft.isolate': 'maybe' }, 'option weft.isolate is "maybe"'],
    [{ [`${P}driver.mtu`]: '67' }, 'from 68 to 65535'],
    [{ [`${P}bridge.gateway_mode_ipv4`]: 'routed' }, 'expected one of "nat", "nat-unprotected"'],
    [{ [`${P}bridge.gateway_mode_ipv6`]: 'isolated' }, 'expected one of "nat", "nat-unprotected"'],
    [{ [`${P}bridge.host_binding_ipv4`]: 'localhost' }, 'expected an IP address'],
    [{ [`${P}host_ipv4`]: 'fd00::1' }, 'expected an IPv4 address'],
    [{ [`${P}host_ipv6`]: '10.0.0.1' }, 'expected an IPv6 address'],
    [{ [`${P}container_iface_prefix`]: 'lo' }, 'container_iface_prefix is "lo"'],
    [{ [`${P}bridge.enable_icc`]: 'false' }, 'weft-overlay cannot keep its containers from each other'],
    [{ 'weft.netwrok': 'x' }, 'weft-overlay has no option "weft.netwrok"; the nearest is "weft.network"'],
    [{ parent: 'eth0' }, 'weft-overlay has no option "parent"'],
  ])('%j is refused: %s', (options, message) => {
    expect(() => parse(options as unknown as Record<string, string>)).toThrow(message);
  });

  test.each(['', 'true', '1', 'yes', 'aes'])('encrypted %j is refused, not ignored', (value) => {
    expect(() => parse({ encrypted: value })).toThrow(
      'option encrypted: weft does not encrypt overlay networks yet, and refuses rather than send in the clear',
    );
  });

  test('an IPv6 network needs IPv6’s least MTU', () => {
    const ipv6 = [aSubnet('fd00:80::/64', 'fd00:80::1/64')];
    expect(() => parse({ [`${P}driver.mtu`]: '1279' }, { ipv6 })).toThrow(/from 1280 to 65535/);
    expect(parse({ [`${P}driver.mtu`]: '1280' }, { ipv6 }).mtu).toBe(1280);
  });
});
