import { describe, expect, test } from 'vitest';
import { aNetworkRequest, aSubnet } from '../../test/fakes/builders.ts';
import { parseBridgeOptions } from './options.ts';

const noLinks = { foreignLinks: new Map() };
const P = 'com.docker.network.';

function parse(options: Record<string, string>, change: Parameters<typeof aNetworkRequest>[0] = {}) {
  return parseBridgeOptions(aNetworkRequest({ ...change, options }), noLinks);
}

describe('weft-bridge options', () => {
  test('have Docker’s defaults', () => {
    expect(parse({})).toMatchObject({
      adopted: false,
      icc: true,
      masquerade: true,
      modeIpv4: 'nat',
      modeIpv6: 'nat',
      inhibitIpv4: false,
      ifacePrefix: 'eth',
      trusted: [],
      announcements: 3,
      announceMs: 1000,
      isolate: true,
      internal: false,
      ignored: [],
    });
    expect(parse({}).bridge).toMatch(/^wb-[a-z2-7]{10}$/);
  });

  test.each([
    [{ [`${P}bridge.name`]: 'mybr0' }, { bridge: 'mybr0', adopted: false }],
    [{ [`${P}bridge.enable_icc`]: 'false' }, { icc: false }],
    [{ [`${P}bridge.enable_ip_masquerade`]: '0' }, { masquerade: false }],
    [{ [`${P}bridge.host_binding_ipv4`]: '127.0.0.1' }, { hostBinding: '127.0.0.1' }],
    [{ [`${P}bridge.host_binding_ipv4`]: '::1' }, { hostBinding: '::1' }],
    [{ [`${P}bridge.gateway_mode_ipv4`]: 'routed' }, { modeIpv4: 'routed' }],
    [{ [`${P}bridge.gateway_mode_ipv6`]: 'nat-unprotected' }, { modeIpv6: 'nat-unprotected' }],
    [{ [`${P}bridge.inhibit_ipv4`]: 'True' }, { inhibitIpv4: true }],
    [{ [`${P}driver.mtu`]: '9000' }, { mtu: 9000 }],
    [{ [`${P}container_iface_prefix`]: 'net' }, { ifacePrefix: 'net' }],
    [{ [`${P}host_ipv4`]: '192.0.2.7' }, { snatIpv4: '192.0.2.7' }],
    [{ [`${P}host_ipv6`]: '2001:DB8::7' }, { snatIpv6: '2001:db8::7' }],
    [{ [`${P}bridge.trusted_host_interfaces`]: 'eth0:wg0' }, { trusted: ['eth0', 'wg0'] }],
    [
      { [`${P}advertise_addr_nmsgs`]: '0', [`${P}advertise_addr_ms`]: '100' },
      { announcements: 0, announceMs: 100 },
    ],
    [{ 'weft.isolate': 'false' }, { isolate: false }],
    [{ 'weft.dns.ttl': '0' }, { dnsTtl: 0 }],
    [{ [`${P}internal`]: 'true' }, { internal: true }],
    [{ [`${P}some.future.key`]: 'x' }, { ignored: [`${P}some.future.key`] }],
    [{ [`${P}bridge.enable_icc`]: '' }, { icc: true }],
  ])('%j gives %j', (options, expected) => {
    expect(parse(options as Record<string, string>)).toMatchObject(expected);
  });

  test.each([
    [{ [`${P}bridge.name`]: 'a-name-of-16-byt' }, /bridge\.name "a-name-of-16-byt" is not an interface name/],
    [{ [`${P}bridge.name`]: 'a/b' }, /bridge\.name "a\/b" is not an interface name/],
    [{ [`${P}bridge.name`]: 'wb-mine' }, /begin with wb-, wx-, wv-, wc-, wl-, wp- or wh- are weft's own/],
    [{ [`${P}bridge.enable_icc`]: 'maybe' }, /enable_icc is "maybe": expected "true" or "false"/],
    [
      { [`${P}bridge.host_binding_ipv4`]: 'localhost' },
      /host_binding_ipv4 is "localhost": expected an IP address/,
    ],
    [{ [`${P}bridge.host_binding_ipv4`]: '010.0.0.1' }, /expected an IP address/],
    [
      { [`${P}bridge.gateway_mode_ipv4`]: 'bridge' },
      /gateway_mode_ipv4 is "bridge": expected one of "nat", /,
    ],
    [{ [`${P}bridge.gateway_mode_ipv4`]: 'isolated' }, /that needs an --internal network/],
    [{ [`${P}driver.mtu`]: '-1' }, /driver\.mtu is "-1": expected a whole number from 68 to 65535/],
    [{ [`${P}driver.mtu`]: '67' }, /from 68 to 65535/],
    [{ [`${P}driver.mtu`]: '1e3' }, /from 68 to 65535/],
    [
      { [`${P}container_iface_prefix`]: 'way-too-long-prefix' },
      /container_iface_prefix is "way-too-long-prefix"/,
    ],
    [{ [`${P}container_iface_prefix`]: 'lo' }, /container_iface_prefix is "lo"/],
    [{ [`${P}host_ipv4`]: '2001:db8::7' }, /host_ipv4 is "2001:db8::7": expected an IPv4 address/],
    [{ [`${P}host_ipv6`]: '192.0.2.7' }, /host_ipv6 is "192.0.2.7": expected an IPv6 address/],
    [
      { [`${P}bridge.trusted_host_interfaces`]: 'eth0:' },
      /trusted_host_interfaces "" is not an interface name/,
    ],
    [{ [`${P}advertise_addr_nmsgs`]: '4' }, /from 0 to 3/],
    [{ [`${P}advertise_addr_ms`]: '99' }, /from 100 to 2000/],
    [{ 'weft.isolated': 'true' }, /no option "weft\.isolated"; the nearest is "weft\.isolate"/],
    [{ mtu: '1500' }, /no option "mtu"; the nearest is/],
    [{ parent: 'eth0' }, /no option "parent"/],
    [{ __proto__: null, constructor: 'x' }, /no option "constructor"/],
  ])('%j is refused: %s', (options, message) => {
    expect(() => parse(options as unknown as Record<string, string>)).toThrow(message);
  });

  test('an IPv6 network needs IPv6’s least MTU', () => {
    const ipv6 = [aSubnet('fd00:80::/64', 'fd00:80::1/64')];
    expect(() => parse({ [`${P}driver.mtu`]: '1279' }, { ipv6 })).toThrow(/from 1280 to 65535/);
    expect(parse({ [`${P}driver.mtu`]: '1280' }, { ipv6 }).mtu).toBe(1280);
  });

  test('an existing bridge is adopted, another kind of link refused', () => {
    const request = aNetworkRequest({ options: { [`${P}bridge.name`]: 'br9' } });
    const links = (type: string) => ({ foreignLinks: new Map([['br9', { type, mtu: 1500 }]]) });
    expect(parseBridgeOptions(request, links('bridge')).adopted).toBe(true);
    expect(() => parseBridgeOptions(request, links('veth'))).toThrow(
      /that link exists and is a veth, not a bridge/,
    );
  });
});
