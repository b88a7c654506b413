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
import { type IpvlanOptions, ipvlanDriver } from './index.ts';

function network(
  options: Record<string, string> = {},
  change: Parameters<typeof aNetworkRequest>[0] = {},
): Network<IpvlanOptions> {
  const request = aNetworkRequest({ ...change, options: { parent: 'eth0', ...options } });
  return {
    driver: 'weft-ipvlan',
    request,
    options: ipvlanDriver.parseNetwork(request, LAN_HOST, []),
    createdAt: 0,
  };
}

const ASIDE = { ...aSubnet('10.80.0.0/24'), aux: { 'weft.host': '10.80.0.250' as never } };
const HOST = { 'weft.host_access': 'true' };
const request = anEndpointRequest({ ipv6: 'fd00:80::2/64' });
const joined = anEndpoint({ request, attachment: anAttachment() });

describe('weft-ipvlan', () => {
  test('has Docker’s modes and flags', () => {
    expect(network().options).toMatchObject({ mode: 'l2', flag: 'bridge' });
    for (const mode of ['l2', 'l3', 'l3s']) expect(network({ ipvlan_mode: mode }).options.mode).toBe(mode);
    for (const flag of ['bridge', 'private', 'vepa']) {
      expect(network({ ipvlan_flag: flag }).options.flag).toBe(flag);
    }
  });

  test.each([
    [{ ipvlan_mode: 'L2' }, /ipvlan_mode is "L2": expected one of "l2", "l3", "l3s"/],
    [{ ipvlan_flag: 'passthru' }, /ipvlan_flag is "passthru": expected one of "bridge", "private", "vepa"/],
    [{ ...HOST, ipvlan_flag: 'private' }, /host_access is true: links with the flag "private" reach none/],
    [{ ...HOST, ipvlan_flag: 'vepa' }, /host_access is true: links with the flag "vepa" reach each other/],
    [HOST, /host_access: the host needs an address in subnet 10\.80\.0\.0\/24: --aux-address weft\.host=/],
    [{ macvlan_mode: 'bridge' }, /weft-ipvlan has no option "macvlan_mode"/],
  ])('refuses %j', (options, message) => {
    expect(() => network(options as Record<string, string>)).toThrow(message);
  });

  test('refuses a MAC, has none, and plans a link without', () => {
    expect(() =>
      ipvlanDriver.parseEndpoint(network(), anEndpointRequest({ mac: '02:00:00:00:00:01' })),
    ).toThrow(
      /MacAddress is "02:00:00:00:00:01": all links of an ipvlan network have the MAC of their parent/,
    );
    expect(ipvlanDriver.parseEndpoint(network(), anEndpointRequest())).toBeUndefined();
    expect(ipvlanDriver.chosenMac(network(), request)).toBeUndefined();
    expect(ipvlanDriver.planEndpoint(network(), joined)).toEqual([
      {
        kind: 'link',
        type: 'ipvlan',
        name: ipvlanDriver.endpointLinks(joined)[0],
        parent: 'eth0',
        mode: 'l2',
        flag: 'bridge',
        alias: `weft:weft-ipvlan:${NETWORK_ID}:${request.id}`,
        sandbox: joined.attachment?.sandboxKey,
      },
    ]);
    expect(ipvlanDriver.planEndpoint(network(), anEndpoint())).toEqual([]);
  });

  test('gives the host a link of the network’s mode', () => {
    const made = network({ ...HOST, ipvlan_mode: 'l3' }, { ipv4: [ASIDE] });
    expect(ipvlanDriver.planNetwork(made)).toMatchObject([
      { type: 'ipvlan', name: 'wh-gsipqbabrb', mode: 'l3', flag: 'bridge' },
      { kind: 'address', address: { ip: '10.80.0.250', prefix: 32 } },
    ]);
    expect(ipvlanDriver.planEndpoint(made, joined)).toHaveLength(3);
  });

  test('on layer 2 names the gateway, on layer 3 sends everything by the link', () => {
    const gateway = { gateway: '10.80.0.1', routes: [] };
    expect(ipvlanDriver.joinInfo(network(), joined)).toMatchObject(gateway);
    for (const mode of ['l3', 'l3s']) {
      const info = ipvlanDriver.joinInfo(network({ ipvlan_mode: mode }), joined);
      expect(info.routes).toEqual([{ destination: '0.0.0.0/0' }, { destination: '::/0' }]);
      expect(info).not.toHaveProperty('gateway');
      expect(info.disableGatewayService).toBe(true);
    }
    const inside = network({ ipvlan_mode: 'l3' }, { internal: true });
    expect(ipvlanDriver.joinInfo(inside, joined)).toMatchObject({ routes: [] });
  });

  test('publishes nothing, announces as other drivers do, has no bridge', () => {
    expect(ipvlanDriver.portRequests(network(), joined)).toEqual([]);
    expect(ipvlanDriver.announcements(network())).toEqual({ count: 3, intervalMs: 1000 });
    expect(ipvlanDriver.bridgeOf(network())).toBeUndefined();
    expect(ipvlanDriver.reachedByHost(network())).toBe(false);
    expect(ipvlanDriver.reachedByHost(network(HOST, { ipv4: [ASIDE] }))).toBe(true);
    expect(ipvlanDriver.ignoredOptions(network())).toEqual([]);
  });
});
