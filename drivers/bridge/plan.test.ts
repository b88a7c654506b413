import { describe, expect, test } from 'vitest';
import type { Endpoint, Network } from '../../core/model.ts';
import {
  aMapping,
  aNetworkRequest,
  anAttachment,
  anEndpoint,
  anEndpointRequest,
  aSubnet,
  NETWORK_ID,
  OTHER_NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { renderPlan as render } from '../../test/support/render-plan.ts';
import { type BridgeOptions, bridgeDriver } from './index.ts';

const P = 'com.docker.network.';
const DUAL = { ipv6: [aSubnet('fd00:80::/64', 'fd00:80::1/64')] };

function network(
  options: Record<string, string> = {},
  change: Parameters<typeof aNetworkRequest>[0] = {},
): Network<BridgeOptions> {
  const request = aNetworkRequest({ ...change, options });
  return {
    driver: 'weft-bridge',
    request,
    options: bridgeDriver.parseNetwork(request, { foreignLinks: new Map() }, []),
    createdAt: 0,
  };
}

function joined(change: Partial<Endpoint> = {}): Endpoint {
  return anEndpoint({ attachment: anAttachment(), ...change });
}

describe('the plan of a weft-bridge network', () => {
  test('with defaults', () => {
    expect(render(bridgeDriver.planNetwork(network()))).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-bridge:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mac":"ee:8f:f8:60:10:46","routeLocalnet":true}",
        "address wb-gsipqbabrb 10.80.0.1/24",
        "element ip weft bridges wb-gsipqbabrb",
        "element ip weft within wb-gsipqbabrb . wb-gsipqbabrb",
        "element ip weft entering wb-gsipqbabrb : jump nat-isolated",
        "element ip weft masqueraded wb-gsipqbabrb",
      ]
    `);
  });

  test('dual stack', () => {
    expect(render(bridgeDriver.planNetwork(network({}, DUAL)))).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-bridge:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mac":"ee:8f:f8:60:10:46","routeLocalnet":true,"ipv6":true}",
        "address wb-gsipqbabrb 10.80.0.1/24",
        "address wb-gsipqbabrb fd00:80::1/64",
        "address wb-gsipqbabrb fe80::1/64",
        "element ip weft bridges wb-gsipqbabrb",
        "element ip weft within wb-gsipqbabrb . wb-gsipqbabrb",
        "element ip weft entering wb-gsipqbabrb : jump nat-isolated",
        "element ip weft masqueraded wb-gsipqbabrb",
        "element ip6 weft bridges wb-gsipqbabrb",
        "element ip6 weft within wb-gsipqbabrb . wb-gsipqbabrb",
        "element ip6 weft entering wb-gsipqbabrb : jump nat-isolated",
        "element ip6 weft masqueraded wb-gsipqbabrb",
      ]
    `);
  });

  test('internal: nothing enters, nothing leaves, no loopback source', () => {
    const plan = render(bridgeDriver.planNetwork(network({}, { internal: true })));
    expect(plan.filter((line) => /leaving|entering/.test(line))).toHaveLength(2);
    expect(plan.join('\n')).not.toMatch(/masqueraded|routeLocalnet/);
  });

  test.each([
    ['nat', 'true', 'jump nat-isolated', true],
    ['nat', 'false', 'jump nat-shared', true],
    ['nat-unprotected', 'true', 'jump open-isolated', true],
    ['nat-unprotected', 'false', 'jump open-shared', true],
    ['routed', 'true', 'jump routed-isolated', false],
    ['routed', 'false', 'jump routed-shared', false],
  ])('gateway mode %s with isolate %s: %s, masquerade %s', (mode, isolate, chain, masquerades) => {
    const plan = render(
      bridgeDriver.planNetwork(network({ [`${P}bridge.gateway_mode_ipv4`]: mode, 'weft.isolate': isolate })),
    ).join('\n');
    expect(plan).toContain(`: ${chain}`);
    expect(plan.includes('weft masqueraded ')).toBe(masquerades);
  });

  test('isolated gateway mode and inhibit_ipv4 leave the bridge without an IPv4 address', () => {
    const isolated = network({ [`${P}bridge.gateway_mode_ipv4`]: 'isolated' }, { internal: true });
    const inhibited = network({ [`${P}bridge.inhibit_ipv4`]: 'true' });
    for (const each of [isolated, inhibited]) {
      expect(bridgeDriver.planNetwork(each).some(({ kind }) => kind === 'address')).toBe(false);
    }
  });

  test('a fixed source address replaces masquerading', () => {
    const plan = render(bridgeDriver.planNetwork(network({ [`${P}host_ipv4`]: '192.0.2.7' }))).join('\n');
    expect(plan).toContain('weft source-address');
    expect(plan).not.toContain('weft masqueraded');
  });

  test('is the same every time', () => {
    expect(bridgeDriver.planNetwork(network({}, DUAL))).toEqual(bridgeDriver.planNetwork(network({}, DUAL)));
  });

  test('refuses a subnet of another network, naming it', () => {
    const other = network({}, { id: OTHER_NETWORK_ID, ipv4: [aSubnet('10.80.0.128/25', '10.80.0.129/25')] });
    expect(() => bridgeDriver.parseNetwork(aNetworkRequest(), { foreignLinks: new Map() }, [other])).toThrow(
      /10\.80\.0\.0\/24 overlaps 10\.80\.0\.128\/25 of network b2b2b2b2b2b2/,
    );
  });

  test.each([
    ['no subnet', { ipv4: [] }, /neither an IPv4 nor an IPv6 subnet/],
    ['the null IPAM driver', { ipv4: [aSubnet('0.0.0.0/0')] }, /null IPAM driver gives no addresses/],
    [
      'twins',
      { ipv4: [aSubnet('10.1.0.0/16'), aSubnet('10.1.2.0/24')] },
      /10\.1\.0\.0\/16 and 10\.1\.2\.0\/24 overlap/,
    ],
  ])('refuses %s', (_name, change, message) => {
    expect(() => network({}, change)).toThrow(message);
  });
});

describe('the plan of a weft-bridge endpoint', () => {
  test('is empty before Join', () => {
    expect(bridgeDriver.planEndpoint(network(), anEndpoint())).toEqual([]);
  });

  test('is a veth pair after it', () => {
    expect(render(bridgeDriver.planEndpoint(network(), joined()))).toMatchInlineSnapshot(`
      [
        "link wv-diic2wj5cp {"type":"veth","name":"wv-diic2wj5cp","peerName":"wc-diic2wj5cp","peerMac":"c6:37:b8:52:6f:76","alias":"weft:weft-bridge:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1:c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3","master":"wb-gsipqbabrb","isolated":false,"hairpin":false}",
      ]
    `);
  });

  test('isolates the port when ICC is off', () => {
    const [veth] = bridgeDriver.planEndpoint(network({ [`${P}bridge.enable_icc`]: 'false' }), joined());
    expect(veth).toMatchObject({ isolated: true });
  });

  test('opens the ports of a routed network on the container’s address', () => {
    const routed = network({ [`${P}bridge.gateway_mode_ipv4`]: 'routed' });
    const endpoint = joined({
      attachment: anAttachment([aMapping('8080:80/tcp'), aMapping('8081:80/tcp')]),
      external: true,
    });
    expect(bridgeDriver.portRequests(routed, endpoint)).toEqual([]);
    expect(render(bridgeDriver.planEndpoint(routed, endpoint)).slice(1)).toEqual([
      'element ip weft opened tcp . 10.80.0.2 . 80',
    ]);
  });

  test.each([
    ['8080:80/tcp', {}, ['0.0.0.0 > 10.80.0.2', ':: > 10.80.0.2']],
    ['8080:80/udp', {}, ['0.0.0.0 > 10.80.0.2']],
    ['127.0.0.1 8080:80/tcp', {}, ['127.0.0.1 > 10.80.0.2']],
    ['::1 8080:80/tcp', {}, ['::1 > 10.80.0.2']],
    ['8080:80/tcp', { [`${P}bridge.host_binding_ipv4`]: '127.0.0.1' }, ['127.0.0.1 > 10.80.0.2']],
    ['8080:80/tcp', { [`${P}bridge.host_binding_ipv4`]: '::' }, [':: > 10.80.0.2']],
  ])('binds %s with %j to %j', (mapping, options, expected) => {
    const requests = bridgeDriver.portRequests(
      network(options as Record<string, string>),
      joined({ attachment: anAttachment([aMapping(mapping)]) }),
    );
    expect(
      requests.flatMap((each) =>
        each.bindings.map(({ hostIp, containerIp }) => `${hostIp} > ${containerIp}`),
      ),
    ).toEqual(expected);
  });

  test('binds both families to their own address on a dual-stack network', () => {
    const request = anEndpointRequest({ ipv6: 'fd00:80::2/64' });
    const requests = bridgeDriver.portRequests(
      network({}, DUAL),
      joined({ request, attachment: anAttachment([aMapping('53:53/udp')]) }),
    );
    expect(requests[0]?.bindings).toEqual([
      { hostIp: '0.0.0.0', containerIp: '10.80.0.2' },
      { hostIp: '::', containerIp: 'fd00:80::2' },
    ]);
  });

  test('refuses UDP on an IPv6 host address when the container has none', () => {
    const endpoint = joined({ attachment: anAttachment([aMapping('::1 53:53/udp')]) });
    expect(() => bridgeDriver.portRequests(network(), endpoint)).toThrow(
      /53\/udp cannot be published on ::1/,
    );
  });
});

describe('what Docker is told at Join', () => {
  test('link, prefix and gateway', () => {
    expect(bridgeDriver.joinInfo(network(), joined())).toMatchObject({
      gateway: '10.80.0.1',
      disableGatewayService: true,
      link: { destinationPrefix: 'eth' },
    });
  });

  test('no gateway on an internal network', () => {
    const info = bridgeDriver.joinInfo(network({}, { ...DUAL, internal: true }), joined());
    expect(info.gateway ?? info.gatewayIpv6).toBeUndefined();
  });

  test('the gateway of the subnet that holds the address', () => {
    const two = network(
      {},
      { ipv4: [aSubnet('10.80.0.0/24', '10.80.0.1/24'), aSubnet('10.81.0.0/24', '10.81.0.9/24')] },
    );
    const request = anEndpointRequest({ ipv4: '10.81.0.5/24' });
    expect(bridgeDriver.joinInfo(two, joined({ request })).gateway).toBe('10.81.0.9');
  });

  test('the interface name asked for', () => {
    const request = anEndpointRequest({ options: { [`${P}endpoint.ifname`]: 'lan0' } });
    expect(bridgeDriver.joinInfo(network(), joined({ request })).link?.destinationName).toBe('lan0');
  });

  test('never depends on other networks', () => {
    expect(network({}, { id: NETWORK_ID }).options.bridge).not.toBe(
      network({}, { id: OTHER_NETWORK_ID }).options.bridge,
    );
  });
});
