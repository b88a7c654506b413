import { describe, expect, test } from 'vitest';
import { parseIp } from '../../core/address.ts';
import type { RemoteEndpoint, Tunnel } from '../../core/cluster.ts';
import { parseEndpointId, parseMac } from '../../core/ids.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import {
  aMapping,
  aNetworkRequest,
  anAttachment,
  anEndpoint,
  anEndpointRequest,
  aSubnet,
  ENDPOINT_ID,
  OTHER_NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { renderPlan } from '../../test/support/render-plan.ts';
import { type OverlayOptions, overlayDriver, overlayMtu } from './index.ts';

const P = 'com.docker.network.';
const DUAL = { ipv6: [aSubnet('fd00:80::/64', 'fd00:80::1/64')] };
const ip = (text: string) => parseIp(text, 'ip');
const VTEP = ip('192.0.2.2');

const TUNNEL: Tunnel = {
  name: 'app',
  id: '01hq-app',
  vni: 4711,
  local: ip('192.0.2.1'),
  port: 4789,
};
const OVER_IPV6: Tunnel = { ...TUNNEL, local: ip('2001:db8::1') };

function network(
  options: Record<string, string> = {},
  change: Parameters<typeof aNetworkRequest>[0] = {},
  tunnel: Tunnel | undefined = TUNNEL,
): Network<OverlayOptions> {
  const request = aNetworkRequest({ ...change, options });
  return {
    driver: 'weft-overlay',
    request,
    options: overlayDriver.parseNetwork(request, { foreignLinks: new Map() }, []),
    ...(tunnel === undefined ? {} : { tunnel }),
    createdAt: 0,
  };
}

function unbound(change: Parameters<typeof aNetworkRequest>[0] = {}): Network<OverlayOptions> {
  const { tunnel: _tunnel, ...rest } = network({}, change);
  return rest;
}

function remote(change: Partial<RemoteEndpoint> = {}): RemoteEndpoint {
  return {
    id: parseEndpointId(ENDPOINT_ID),
    network: 'app',
    node: 'two',
    mac: parseMac('02:00:00:00:00:07', 'mac'),
    ipv4: ip('10.80.0.7'),
    ...change,
  };
}

function joined(change: Partial<Endpoint> = {}): Endpoint {
  return anEndpoint({ attachment: anAttachment(), ...change });
}

const planned = (of: Network<OverlayOptions>) => renderPlan(overlayDriver.planNetwork(of));

describe('the plan of a weft-overlay network', () => {
  test('in IPv4', () => {
    expect(planned(network())).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mtu":1450,"mac":"a6:6c:10:fc:5b:9f","routeLocalnet":true}",
        "link wx-gsipqbabrb {"type":"vxlan","name":"wx-gsipqbabrb","vni":4711,"local":"192.0.2.1","port":4789,"mtu":1450,"alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","master":"wb-gsipqbabrb","group":4711,"flood":false}",
        "shortcut wx-gsipqbabrb {"dev":"wx-gsipqbabrb","table":"weft","set":"ways"}",
        "address wb-gsipqbabrb 10.80.0.1/24",
        "element ip weft bridges wb-gsipqbabrb",
        "element ip weft within wb-gsipqbabrb . wb-gsipqbabrb",
        "element ip weft entering wb-gsipqbabrb : jump nat-isolated",
        "element ip weft masqueraded wb-gsipqbabrb",
        "element ip weft clamped wb-gsipqbabrb",
        "element ip weft switched wb-gsipqbabrb",
        "element ip weft gateway-macs wb-gsipqbabrb . a6:6c:10:fc:5b:9f",
      ]
    `);
  });

  test('dual stack', () => {
    expect(planned(network({}, DUAL))).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mtu":1450,"mac":"a6:6c:10:fc:5b:9f","routeLocalnet":true,"ipv6":true}",
        "link wx-gsipqbabrb {"type":"vxlan","name":"wx-gsipqbabrb","vni":4711,"local":"192.0.2.1","port":4789,"mtu":1450,"alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","master":"wb-gsipqbabrb","group":4711,"flood":false}",
        "shortcut wx-gsipqbabrb {"dev":"wx-gsipqbabrb","table":"weft","set":"ways"}",
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
        "element ip weft clamped wb-gsipqbabrb",
        "element ip weft switched wb-gsipqbabrb",
        "element ip weft gateway-macs wb-gsipqbabrb . a6:6c:10:fc:5b:9f",
        "element ip6 weft clamped wb-gsipqbabrb",
        "element ip6 weft switched wb-gsipqbabrb",
        "element ip6 weft gateway-macs wb-gsipqbabrb . a6:6c:10:fc:5b:9f",
      ]
    `);
  });

  test('with several subnets of each family', () => {
    const subnets = {
      ipv4: [aSubnet('10.80.0.0/24', '10.80.0.1/24'), aSubnet('10.81.0.0/24', '10.81.0.9/24')],
      ipv6: [aSubnet('fd00:80::/64', 'fd00:80::1/64'), aSubnet('fd00:81::/64', 'fd00:81::1/64')],
    };
    expect(planned(network({}, subnets)).filter((line) => line.startsWith('address'))).toMatchInlineSnapshot(`
      [
        "address wb-gsipqbabrb 10.80.0.1/24",
        "address wb-gsipqbabrb 10.81.0.9/24",
        "address wb-gsipqbabrb fd00:80::1/64",
        "address wb-gsipqbabrb fd00:81::1/64",
        "address wb-gsipqbabrb fe80::1/64",
      ]
    `);
  });

  test('internal', () => {
    expect(planned(network({}, { internal: true }))).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mtu":1450,"mac":"a6:6c:10:fc:5b:9f"}",
        "link wx-gsipqbabrb {"type":"vxlan","name":"wx-gsipqbabrb","vni":4711,"local":"192.0.2.1","port":4789,"mtu":1450,"alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","master":"wb-gsipqbabrb","group":4711,"flood":false}",
        "shortcut wx-gsipqbabrb {"dev":"wx-gsipqbabrb","table":"weft","set":"ways"}",
        "address wb-gsipqbabrb 10.80.0.1/24",
        "element ip weft bridges wb-gsipqbabrb",
        "element ip weft within wb-gsipqbabrb . wb-gsipqbabrb",
        "element ip weft leaving wb-gsipqbabrb : drop",
        "element ip weft entering wb-gsipqbabrb : drop",
        "element ip weft clamped wb-gsipqbabrb",
        "element ip weft switched wb-gsipqbabrb",
        "element ip weft gateway-macs wb-gsipqbabrb . a6:6c:10:fc:5b:9f",
      ]
    `);
  });

  test('with multicast, an MTU and a VNI of its own', () => {
    const options = { 'weft.multicast': 'true', [`${P}driver.mtu`]: '1400' };
    expect(planned(network(options)).filter((line) => line.startsWith('link'))).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mtu":1400,"mac":"a6:6c:10:fc:5b:9f","routeLocalnet":true}",
        "link wx-gsipqbabrb {"type":"vxlan","name":"wx-gsipqbabrb","vni":4711,"local":"192.0.2.1","port":4789,"mtu":1400,"alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","master":"wb-gsipqbabrb","group":4711,"flood":true}",
      ]
    `);
  });

  test('over an IPv6 underlay', () => {
    const links = planned(network({}, {}, OVER_IPV6)).filter((line) => line.startsWith('link'));
    expect(links).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mtu":1430,"mac":"a6:6c:10:fc:5b:9f","routeLocalnet":true}",
        "link wx-gsipqbabrb {"type":"vxlan","name":"wx-gsipqbabrb","vni":4711,"local":"2001:db8::1","port":4789,"mtu":1430,"alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","master":"wb-gsipqbabrb","group":4711,"flood":false}",
      ]
    `);
  });

  test('before it is one of the cluster’s: all but the tunnel, under a MAC of its own', () => {
    expect(planned(unbound())).toMatchInlineSnapshot(`
      [
        "link wb-gsipqbabrb {"type":"bridge","name":"wb-gsipqbabrb","alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","mtu":1450,"mac":"ee:8f:f8:60:10:46","routeLocalnet":true}",
        "address wb-gsipqbabrb 10.80.0.1/24",
        "element ip weft bridges wb-gsipqbabrb",
        "element ip weft within wb-gsipqbabrb . wb-gsipqbabrb",
        "element ip weft entering wb-gsipqbabrb : jump nat-isolated",
        "element ip weft masqueraded wb-gsipqbabrb",
        "element ip weft clamped wb-gsipqbabrb",
        "element ip weft switched wb-gsipqbabrb",
        "element ip weft gateway-macs wb-gsipqbabrb . ee:8f:f8:60:10:46",
      ]
    `);
  });

  test('has the same gateway MAC on every host once it is', () => {
    const here = overlayDriver.planNetwork(network());
    const there = overlayDriver.planNetwork(network({}, { id: OTHER_NETWORK_ID }));
    const mac = (plan: typeof here) => plan.flatMap((each) => ('mac' in each ? [each.mac] : []));
    expect(mac(here)).toHaveLength(1);
    expect(mac(here)).toEqual(mac(there));
    expect(mac(here)).not.toEqual(mac(overlayDriver.planNetwork(unbound())));
    const others = overlayDriver.planNetwork(network({}, {}, { ...TUNNEL, id: 'another' }));
    expect(mac(here)).not.toEqual(mac(others));
  });

  test.each([
    ['nat', 'true', 'jump nat-isolated'],
    ['nat', 'false', 'jump nat-shared'],
    ['nat-unprotected', 'true', 'jump open-isolated'],
    ['nat-unprotected', 'false', 'jump open-shared'],
  ])('gateway mode %s with isolate %s: %s', (mode, isolate, chain) => {
    const options = { [`${P}bridge.gateway_mode_ipv6`]: mode, 'weft.isolate': isolate };
    const plan = planned(network(options, DUAL));
    expect(plan.find((line) => line.startsWith('element ip6 weft entering'))).toMatch(`: ${chain}`);
  });

  test('leaves under the address asked for, or under the container’s own', () => {
    const fixed = planned(network({ [`${P}host_ipv4`]: '192.0.2.7' })).join('\n');
    expect(fixed).toMatch(/weft source-address wb-gsipqbabrb : 192\.0\.2\.7/);
    expect(fixed).not.toContain('masqueraded');
    const plain = planned(network({ [`${P}bridge.enable_ip_masquerade`]: 'false' })).join('\n');
    expect(plain).not.toMatch(/masqueraded|source-address/);
  });
});

describe('the MTU of a weft-overlay network', () => {
  test.each([
    ['no tunnel', undefined, {}, {}, 1450],
    ['an underlay of unknown MTU', TUNNEL, {}, {}, 1450],
    ['an IPv6 underlay', OVER_IPV6, {}, {}, 1430],
    ['jumbo frames', { ...TUNNEL, underlayMtu: 9000 }, {}, {}, 8950],
    ['jumbo frames over IPv6', { ...OVER_IPV6, underlayMtu: 9000 }, {}, {}, 8930],
    ['an MTU asked for', { ...TUNNEL, underlayMtu: 9000 }, { [`${P}driver.mtu`]: '1200' }, {}, 1200],
    ['a narrow underlay', { ...TUNNEL, underlayMtu: 1280 }, {}, {}, 1230],
    ['IPv6 in a narrow underlay', { ...TUNNEL, underlayMtu: 1280 }, {}, DUAL, 1280],
    ['an underlay as narrow as can be', { ...OVER_IPV6, underlayMtu: 100 }, {}, {}, 68],
  ] as const)('with %s', (_name, tunnel, options, change, mtu) => {
    const base = tunnel === undefined ? unbound(change) : network(options, change, tunnel);
    expect(overlayMtu(base)).toBe(mtu);
    const links = [...overlayDriver.planNetwork(base), ...overlayDriver.planEndpoint(base, joined())];
    const mtus = links.flatMap((each) => (each.kind === 'link' && 'mtu' in each ? [each.mtu] : []));
    expect(mtus).toEqual(tunnel === undefined ? [mtu, mtu] : [mtu, mtu, mtu]);
  });
});

describe('the plan of a weft-overlay endpoint', () => {
  test('is empty before Join, and a veth pair after it', () => {
    expect(overlayDriver.planEndpoint(network(), anEndpoint())).toEqual([]);
    expect(renderPlan(overlayDriver.planEndpoint(network(), joined()))).toMatchInlineSnapshot(`
      [
        "link wv-diic2wj5cp {"type":"veth","name":"wv-diic2wj5cp","peerName":"wc-diic2wj5cp","peerMac":"c6:37:b8:52:6f:76","mtu":1450,"alias":"weft:weft-overlay:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1:c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3","master":"wb-gsipqbabrb","isolated":false,"hairpin":false,"group":4711}",
        "shortcut wv-diic2wj5cp {"dev":"wv-diic2wj5cp","table":"weft","set":"ways"}",
        "element netdev weft ways 4711 . c6:37:b8:52:6f:76 : wv-diic2wj5cp",
      ]
    `);
  });

  test('has its published ports, and a way back to itself', () => {
    const attachment = anAttachment([aMapping('8080:80/tcp')]);
    const [request] = overlayDriver.portRequests(network(), joined({ attachment }));
    expect(request?.bindings).toEqual([
      { hostIp: '0.0.0.0', containerIp: '10.80.0.2' },
      { hostIp: '::', containerIp: '10.80.0.2' },
    ]);
    const published = [
      {
        protocol: 'tcp' as const,
        hostIp: ip('0.0.0.0'),
        hostPort: 8080,
        containerIp: ip('10.80.0.2'),
        containerPort: 80,
      },
    ];
    const [veth, ...elements] = overlayDriver.planEndpoint(network(), joined({ attachment, published }));
    expect(veth).toMatchObject({ hairpin: true });
    expect(renderPlan(elements)).toContain('element ip weft ports-any tcp . 8080 : 10.80.0.2 . 80');
  });

  test('publishes nothing on an internal network', () => {
    const endpoint = joined({ attachment: anAttachment([aMapping('8080:80/tcp')]) });
    expect(overlayDriver.portRequests(network({}, { internal: true }), endpoint)).toEqual([]);
  });

  test('is known to Docker by the gateway of its subnet, internal networks by none', () => {
    const two = { ipv4: [aSubnet('10.80.0.0/24', '10.80.0.1/24'), aSubnet('10.81.0.0/24', '10.81.0.9/24')] };
    const request = anEndpointRequest({ ipv4: '10.81.0.5/24' });
    expect(overlayDriver.joinInfo(network({}, two), joined({ request }))).toMatchObject({
      gateway: '10.81.0.9',
      disableGatewayService: true,
      link: { destinationPrefix: 'eth' },
    });
    const internal = overlayDriver.joinInfo(network({}, { ...DUAL, internal: true }), joined());
    expect(internal.gateway ?? internal.gatewayIpv6).toBeUndefined();
  });

  test('is refused without an address, at a gateway’s, and outside the network', () => {
    const parse = (change: Parameters<typeof anEndpointRequest>[0]) =>
      overlayDriver.parseEndpoint(network(), anEndpointRequest(change));
    expect(() => parse({ ipv4: '' })).toThrow('weft-overlay needs an IPAM driver that gives one');
    expect(() => parse({ ipv4: '10.80.0.1/24' })).toThrow('is the gateway of subnet 10.80.0.0/24');
    expect(() => parse({ ipv4: '10.9.0.2/24' })).toThrow('is not in subnet 10.80.0.0/24');
    expect(() => parse({ options: { x: '1' } })).toThrow('a weft-overlay endpoint has no option "x"');
    expect(() => parse({})).not.toThrow();
  });
});

describe('what other hosts bring', () => {
  test('an endpoint: forwarding entries and neighbours', () => {
    const plan = overlayDriver.planRemote?.(network({}, DUAL), remote({ ipv6: ip('fd00:80::7') }), VTEP);
    expect(renderPlan(plan ?? [])).toMatchInlineSnapshot(`
      [
        "fdb wx-gsipqbabrb 02:00:00:00:00:07 192.0.2.2",
        "fdb wx-gsipqbabrb 02:00:00:00:00:07",
        "element netdev weft ways 4711 . 02:00:00:00:00:07 : wx-gsipqbabrb",
        "neighbour wb-gsipqbabrb 10.80.0.7 02:00:00:00:00:07",
        "neighbour wb-gsipqbabrb fd00:80::7 02:00:00:00:00:07",
      ]
    `);
  });

  test('an endpoint of one family: neighbours of that family only', () => {
    const { ipv4: _ipv4, ...ipv6Only } = remote({ ipv6: ip('fd00:80::7') });
    const plan = overlayDriver.planRemote?.(network({}, DUAL), ipv6Only, VTEP) ?? [];
    expect(plan.filter(({ kind }) => kind === 'neighbour')).toMatchObject([{ ip: 'fd00:80::7' }]);
  });

  test('a host: frames to everybody, if they are wanted', () => {
    expect(overlayDriver.planPeer?.(network(), VTEP)).toEqual([]);
    const multicast = network({ 'weft.multicast': 'true' });
    expect(renderPlan(overlayDriver.planPeer?.(multicast, VTEP) ?? [])).toMatchInlineSnapshot(`
      [
        "fdb wx-gsipqbabrb 00:00:00:00:00:00 192.0.2.2",
      ]
    `);
  });

  test('nothing before the network is one of the cluster’s', () => {
    const { tunnel: _tunnel, ...multicast } = network({ 'weft.multicast': 'true' });
    expect(overlayDriver.planRemote?.(unbound(), remote(), VTEP)).toEqual([]);
    expect(overlayDriver.planPeer?.(multicast, VTEP)).toEqual([]);
  });
});

describe('a second network on a host', () => {
  const parse = (options: Record<string, string>, ...others: readonly Network[]) =>
    overlayDriver.parseNetwork(
      aNetworkRequest({ options, ipv4: [aSubnet('10.99.0.0/24', '10.99.0.1/24')] }),
      { foreignLinks: new Map() },
      others,
    );

  test.each([
    [
      'the name of a cluster network',
      { 'weft.network': 'app' },
      /weft\.network is "app": on this host that is network b2b2/,
    ],
    [
      'the VNI of a cluster network',
      { 'weft.vni': '4711' },
      /weft\.vni is "4711": on this host that is the VNI of/,
    ],
  ])('may not have %s', (_name, options, message) => {
    expect(() => parse(options, network({}, { id: OTHER_NETWORK_ID }))).toThrow(message);
  });

  test('may not have the name and VNI that another was created with', () => {
    const { tunnel: _tunnel, ...other } = network({ 'weft.network': 'back', 'weft.vni': '5000' });
    expect(() => parse({ 'weft.network': 'back' }, other)).toThrow('weft.network is "back"');
    expect(() => parse({ 'weft.vni': '5000' }, other)).toThrow('weft.vni is "5000"');
    expect(parse({ 'weft.network': 'front', 'weft.vni': '5001' }, other)).toMatchObject({ network: 'front' });
  });

  test('may not overlap its subnets, whatever the driver', () => {
    const bridge = { ...unbound({ ipv4: [aSubnet('10.99.0.0/16')] }), driver: 'weft-bridge' as const };
    expect(() => parse({}, bridge)).toThrow(/10\.99\.0\.0\/24 overlaps 10\.99\.0\.0\/16/);
  });
});
