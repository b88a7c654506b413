import { describe, expect, test } from 'vitest';
import type { Network } from '../../core/model.ts';
import {
  aNetworkRequest,
  anAttachment,
  anEndpoint,
  anEndpointRequest,
  aSubnet,
  NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { LAN_HOST } from '../../test/fakes/lan-host.ts';
import { renderPlan as render } from '../../test/support/render-plan.ts';
import { type MacvlanOptions, macvlanDriver } from './index.ts';

function network(
  options: Record<string, string> = {},
  change: Parameters<typeof aNetworkRequest>[0] = {},
): Network<MacvlanOptions> {
  const request = aNetworkRequest({ ...change, options: { parent: 'eth0', ...options } });
  return {
    driver: 'weft-macvlan',
    request,
    options: macvlanDriver.parseNetwork(request, LAN_HOST, []),
    createdAt: 0,
  };
}

const ASIDE = { ...aSubnet('10.80.0.0/24'), aux: { 'weft.host': '10.80.0.250' as never } };
const HOST = { 'weft.host_access': 'true' };
const DHCP = { 'weft.dhcp': 'true' };
const joined = anEndpoint({ attachment: anAttachment() });

describe('weft-macvlan', () => {
  test.each(['bridge', 'private', 'vepa', 'passthru'])('has the mode %s', (mode) => {
    expect(network({ macvlan_mode: mode }).options.mode).toBe(mode);
  });

  test.each([
    [{ macvlan_mode: 'brigde' }, /macvlan_mode is "brigde": expected one of "bridge", "private", "vepa"/],
    [{ ...HOST, macvlan_mode: 'private' }, /host_access is true: links in mode "private" reach none/],
    [{ ...HOST, macvlan_mode: 'vepa' }, /host_access is true: links in mode "vepa" reach each other by/],
    [{ ...HOST, macvlan_mode: 'passthru' }, /a parent in mode "passthru" has one link only; it needs/],
    [{ ipvlan_mode: 'l2' }, /weft-macvlan has no option "ipvlan_mode"/],
    [{ 'weft.dhcp': 'yes' }, /weft\.dhcp is "yes": expected/],
    [{ ...DHCP, parent: '' }, /weft\.dhcp is true: a network without a parent is on no LAN/],
    [
      { ...DHCP, macvlan_mode: 'passthru' },
      /weft\.dhcp is true: in mode "passthru" the container has the MAC/,
    ],
  ])('refuses %j', (options, message) => {
    expect(() => network(options as Record<string, string>)).toThrow(message);
  });

  test.each([0, 2])('refuses DHCP with %i IPv4 subnets', (count) => {
    const ipv4 = [aSubnet('10.80.0.0/24'), aSubnet('10.81.0.0/24')].slice(0, count);
    expect(() => network(DHCP, { ipv4, ipv6: [aSubnet('fd00:80::/64')] })).toThrow(
      `option weft.dhcp is true: the network has ${count} IPv4 subnets; it needs one`,
    );
  });

  test('asks the DHCP server by the parent, where it is told to', () => {
    expect(macvlanDriver.dhcp?.(network(DHCP))).toEqual({ device: 'eth0' });
    expect(macvlanDriver.dhcp?.(network({ ...DHCP, parent: 'eth0.9' }))).toEqual({ device: 'eth0.9' });
    expect(macvlanDriver.dhcp?.(network())).toBeUndefined();
  });

  test('makes nothing on a device of the host’s, a VLAN where there is none, and a device where none is named', () => {
    expect(macvlanDriver.planNetwork(network())).toEqual([]);
    expect(macvlanDriver.planNetwork(network({ parent: 'eth0.9' }))).toEqual([
      { kind: 'link', type: 'vlan', name: 'eth0.9', parent: 'eth0', vlan: 9, alias: 'weft:vlan' },
    ]);
    expect(macvlanDriver.planNetwork(network({ parent: '' }))).toMatchObject([
      { type: 'dummy', name: 'wp-gsipqbabrb', alias: `weft:weft-macvlan:${NETWORK_ID}` },
    ]);
  });

  test('gives the host a link with its addresses, and a route to each container', () => {
    const made = network(HOST, { ipv4: [ASIDE], ipv6: [aSubnet('fd00:80::/64')] });
    const [link, ...addresses] = macvlanDriver.planNetwork(made);
    expect(link).toMatchObject({ type: 'macvlan', name: 'wh-gsipqbabrb', parent: 'eth0', mode: 'bridge' });
    expect(link).not.toHaveProperty('sandbox');
    expect(render(addresses)).toEqual([
      'address wh-gsipqbabrb 10.80.0.250/32',
      expect.stringMatching(/^address wh-gsipqbabrb fd00:80::[\da-f:]+\/128$/),
    ]);
    const both = anEndpoint({
      request: anEndpointRequest({ ipv6: 'fd00:80::2/64' }),
      attachment: anAttachment(),
    });
    expect(macvlanDriver.planEndpoint(made, both).slice(1)).toEqual([
      { kind: 'route', destination: '10.80.0.2/32', dev: 'wh-gsipqbabrb' },
      { kind: 'route', destination: 'fd00:80::2/128', dev: 'wh-gsipqbabrb' },
    ]);
  });

  test('the host speaks with its own address on the parent, or as the gateway of a network on no LAN', () => {
    const route = { kind: 'route', destination: '10.80.0.2/32', dev: 'wh-gsipqbabrb' };
    const planned = (parent: string) =>
      macvlanDriver.planEndpoint(network({ ...HOST, parent }), joined).at(-1);
    expect(planned('eth0')).toEqual({ ...route, sourceOf: 'eth0' });
    expect(planned('eth0.9')).toEqual({ ...route, sourceOf: 'eth0.9' });
    expect(planned('')).toEqual(route);
    const inside = macvlanDriver.planNetwork(network({ ...HOST, parent: '' }));
    expect(render(inside).at(-1)).toBe('address wh-gsipqbabrb 10.80.0.1/32');
  });

  test('needs an address for the host where none can be derived', () => {
    expect(() => network({ ...HOST, parent: '' }, { ipv4: [aSubnet('10.80.0.0/24')] })).toThrow(
      /the host needs an address in subnet 10\.80\.0\.0\/24/,
    );
    expect(macvlanDriver.planNetwork(network(HOST))).toHaveLength(1);
    expect(() => network(HOST, { ipv6: [aSubnet('fd00:80::/80')] })).toThrow(
      /the host needs an address in subnet fd00:80::\/80: --aux-address weft\.host=ADDRESS/,
    );
  });

  test('plans a container’s link from Join on', () => {
    expect(macvlanDriver.planEndpoint(network(), anEndpoint())).toEqual([]);
    const mtu = { 'com.docker.network.driver.mtu': '1400' };
    expect(macvlanDriver.planEndpoint(network(mtu), joined)).toEqual([
      {
        kind: 'link',
        type: 'macvlan',
        name: macvlanDriver.endpointLinks(joined)[0],
        parent: 'eth0',
        mode: 'bridge',
        mac: joined.mac,
        mtu: 1400,
        alias: `weft:weft-macvlan:${NETWORK_ID}:${joined.request.id}`,
        sandbox: joined.attachment?.sandboxKey,
      },
    ]);
  });

  test('chooses MACs by address, but where a container has its parent’s', () => {
    const chosen = (request: Parameters<typeof anEndpointRequest>[0], made = network()) =>
      macvlanDriver.chosenMac(made, anEndpointRequest(request));
    expect(chosen({})).toBe(chosen({ id: 'd4'.repeat(32) }));
    expect(chosen({})).not.toBe(chosen({ ipv4: '10.80.0.3/24' }));
    const alone = network({ macvlan_mode: 'passthru' });
    expect(chosen({}, alone)).toBeUndefined();
    expect(macvlanDriver.planEndpoint(alone, joined)[0]).not.toHaveProperty('mac');
  });

  test('names the gateway that was given, and none in an internal network', () => {
    const link = { sourceName: macvlanDriver.endpointLinks(joined)[0], destinationPrefix: 'eth' };
    const always = { link, routes: [], disableGatewayService: true };
    expect(macvlanDriver.joinInfo(network(), joined)).toEqual({ ...always, gateway: '10.80.0.1' });
    expect(macvlanDriver.joinInfo(network({}, { internal: true }), joined)).toEqual(always);
    expect(macvlanDriver.joinInfo(network({ parent: '' }), joined)).toEqual(always);
    expect(macvlanDriver.joinInfo(network({}, { ipv4: [aSubnet('10.80.0.0/24')] }), joined)).toEqual(always);
  });

  test('publishes nothing, announces as other drivers do, has no bridge', () => {
    expect(macvlanDriver.portRequests(network(), joined)).toEqual([]);
    expect(macvlanDriver.announcements(network())).toEqual({ count: 3, intervalMs: 1000 });
    expect(macvlanDriver.bridgeOf(network())).toBeUndefined();
    expect(macvlanDriver.reachedByHost(network())).toBe(false);
    expect(macvlanDriver.reachedByHost(network(HOST))).toBe(true);
  });
});
