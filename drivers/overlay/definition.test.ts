import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cidr, familyOf, parseCidr, parseIp } from '../../core/address.ts';
import type { NetworkRequest, Subnet } from '../../core/model.ts';
import { aNetworkRequest, aSubnet } from '../../test/fakes/builders.ts';
import { defineNetwork, differences, dockerCreateRequest, type NetworkDefinition } from './index.ts';
import { parseOverlayOptions } from './options.ts';

const P = 'com.docker.network.';

function define(
  change: Parameters<typeof aNetworkRequest>[0] = {},
  ranges: ReadonlyMap<Cidr, Cidr> = new Map(),
): NetworkDefinition {
  const request = aNetworkRequest(change);
  return defineNetwork('app', request, parseOverlayOptions(request), ranges);
}

const withOptions = (options: Record<string, string>) => define({ options });

/** What the driver gets from the engine for a create call. */
function asDockerSends(definition: NetworkDefinition): NetworkRequest {
  const body = dockerCreateRequest(definition);
  const subnets = body.IPAM.Config.map(({ Subnet, Gateway, AuxiliaryAddresses = {} }): Subnet => {
    const prefix = Number(Subnet.split('/')[1]);
    const aux = Object.entries(AuxiliaryAddresses).map(
      ([name, text]) => [name, parseIp(text, name)] as const,
    );
    return {
      pool: parseCidr(Subnet, 'Subnet'),
      ...(Gateway === undefined ? {} : { gateway: { ip: parseIp(Gateway, 'Gateway'), prefix } }),
      aux: Object.fromEntries(aux),
    };
  });
  return aNetworkRequest({
    internal: body.Internal,
    enableIpv4: body.EnableIPv4 ?? true,
    enableIpv6: body.EnableIPv6,
    options: body.Options,
    ipv4: subnets.filter(({ pool }) => familyOf(pool) === 4),
    ipv6: subnets.filter(({ pool }) => familyOf(pool) === 6),
  });
}

const bool = fc.constantFrom('true', 'false', '1', '0', '');
const mode = fc.constantFrom('nat', 'nat-unprotected');
const anyOptions = fc.record(
  {
    'weft.network': fc.constant('app'),
    'weft.vni': fc.integer({ min: 1, max: 16_777_215 }).map(String),
    'weft.multicast': bool,
    'weft.isolate': bool,
    [`${P}driver.mtu`]: fc.oneof(fc.constant('0'), fc.integer({ min: 1280, max: 65_535 }).map(String)),
    [`${P}bridge.enable_ip_masquerade`]: bool,
    [`${P}bridge.gateway_mode_ipv4`]: mode,
    [`${P}bridge.gateway_mode_ipv6`]: mode,
    [`${P}bridge.host_binding_ipv4`]: fc.constant('127.0.0.1'),
    [`${P}host_ipv4`]: fc.constant('192.0.2.7'),
    [`${P}container_iface_prefix`]: fc.constant('net'),
    [`${P}advertise_addr_nmsgs`]: fc.constantFrom('0', '1', '3'),
    [`${P}advertise_addr_ms`]: fc.constantFrom('100', '1000'),
    [`${P}internal`]: bool,
    [`${P}unknown`]: fc.string(),
    encrypted: fc.constant('false'),
  },
  { requiredKeys: [] },
);
const anyAux = fc.dictionary(
  fc.stringMatching(/^[a-z]{1,8}$/),
  fc.integer({ min: 10, max: 250 }).map((host) => parseIp(`10.9.9.${host}`, 'aux')),
  { maxKeys: 3 },
);
const anyPools = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 3 });
const anyDefinition = fc
  .record({
    options: anyOptions,
    internal: fc.boolean(),
    v4: anyPools,
    v6: anyPools,
    aux: anyAux,
    ipv6: fc.boolean(),
  })
  .map(({ options, internal, v4, v6, aux, ipv6 }) =>
    define({
      options: options as Record<string, string>,
      internal,
      ipv4: v4.map((n) => ({ ...aSubnet(`10.${n}.0.0/16`, `10.${n}.0.1/16`), aux })),
      ipv6: ipv6 ? v6.map((n) => aSubnet(`fd00:${n + 1}::/64`, `fd00:${n + 1}::1/64`)) : [],
    }),
  );

describe('the definition of a network', () => {
  test('has what all hosts must agree on, and no more', () => {
    const subnet = {
      ...aSubnet('10.80.0.0/24', '10.80.0.1/24'),
      aux: { router: parseIp('10.80.0.9', 'ip') },
    };
    const definition = define(
      {
        ipv4: [subnet],
        ipv6: [aSubnet('fd00:80::/64', 'fd00:80::1/64')],
        options: {
          'weft.network': 'app',
          [`${P}driver.overlay.vxlanid_list`]: '5000',
          'weft.multicast': '1',
          'weft.isolate': 'T',
          [`${P}driver.mtu`]: '1400',
          [`${P}bridge.host_binding_ipv4`]: '127.0.0.1',
          [`${P}host_ipv4`]: '192.0.2.7',
          [`${P}host_ipv6`]: '2001:db8::7',
          [`${P}container_iface_prefix`]: 'net',
          [`${P}some.future.key`]: 'x',
          [`${P}internal`]: 'true',
        },
      },
      new Map([[parseCidr('10.80.0.0/24', 'pool'), parseCidr('10.80.0.128/25', 'range')]]),
    );
    expect(definition).toMatchInlineSnapshot(`
      {
        "enableIpv4": true,
        "enableIpv6": true,
        "internal": true,
        "name": "app",
        "options": {
          "com.docker.network.driver.mtu": "1400",
          "weft.multicast": "true",
          "weft.vni": "5000",
        },
        "subnets": [
          {
            "aux": {
              "router": "10.80.0.9",
            },
            "gateway": "10.80.0.1",
            "ipRange": "10.80.0.128/25",
            "pool": "10.80.0.0/24",
          },
          {
            "aux": {},
            "gateway": "fd00:80::1",
            "pool": "fd00:80::/64",
          },
        ],
      }
    `);
  });

  test('becomes a create call for another host', () => {
    const definition = define({
      options: { 'weft.multicast': 'true' },
      ipv4: [{ ...aSubnet('10.80.0.0/24', '10.80.0.1/24'), aux: { router: parseIp('10.80.0.9', 'ip') } }],
    });
    const [subnet] = definition.subnets;
    const ranged = {
      ...definition,
      subnets: subnet === undefined ? [] : [{ ...subnet, ipRange: parseCidr('10.80.0.128/25', 'range') }],
    };
    expect(dockerCreateRequest(ranged, { 'weft.network': 'app' })).toMatchInlineSnapshot(`
      {
        "CheckDuplicate": true,
        "Driver": "weft-overlay",
        "EnableIPv6": false,
        "IPAM": {
          "Config": [
            {
              "AuxiliaryAddresses": {
                "router": "10.80.0.9",
              },
              "Gateway": "10.80.0.1",
              "IPRange": "10.80.0.128/25",
              "Subnet": "10.80.0.0/24",
            },
          ],
          "Driver": "weft",
          "Options": {
            "weft.network": "app",
          },
        },
        "Internal": false,
        "Labels": {},
        "Name": "app",
        "Options": {
          "weft.multicast": "true",
          "weft.network": "app",
        },
      }
    `);
  });

  test('without IPv4 says so in the create call', () => {
    const ipv6 = [aSubnet('fd00:80::/64', 'fd00:80::1/64')];
    expect(dockerCreateRequest(define({ ipv4: [], ipv6 }))).toMatchObject({
      EnableIPv4: false,
      EnableIPv6: true,
      IPAM: { Driver: 'weft', Config: [{ Subnet: 'fd00:80::/64', Gateway: 'fd00:80::1' }] },
    });
  });

  test('is the same after a way through another host’s Docker', () => {
    fc.assert(
      fc.property(anyDefinition, (definition) => {
        const request = asDockerSends(definition);
        const options = parseOverlayOptions(request);
        expect(options.network).toBe('app');
        expect(options.ignored).toEqual([]);
        expect(defineNetwork('app', request, options)).toEqual(definition);
      }),
    );
  });
});

describe('differences between definitions', () => {
  test('there are none of a definition to itself', () => {
    fc.assert(
      fc.property(anyDefinition, (definition) => {
        expect(differences(definition, definition)).toEqual([]);
      }),
    );
  });

  test('there are some between any two that do not say the same', () => {
    fc.assert(
      fc.property(anyDefinition, anyDefinition, (a, b) => {
        const { 'weft.vni': _a, ...optionsA } = a.options;
        const { 'weft.vni': _b, ...optionsB } = b.options;
        const order = (x: { pool: string }, y: { pool: string }) => (x.pool < y.pool ? -1 : 1);
        const known = (each: NetworkDefinition, options: object) => ({
          ...each,
          options,
          subnets: [...each.subnets].sort(order),
        });
        const same =
          JSON.stringify(known(a, sorted(optionsA))) === JSON.stringify(known(b, sorted(optionsB)));
        const vnis = new Set(
          [a.options['weft.vni'], b.options['weft.vni']].filter((vni) => vni !== undefined),
        );
        expect(differences(a, b).length === 0).toBe(same && vnis.size < 2);
      }),
    );
  });

  test.each([
    [{ 'weft.multicast': 'true' }, {}, 'option weft.multicast is true here and false in the cluster'],
    [{}, { 'weft.multicast': '1' }, 'option weft.multicast is false here and true in the cluster'],
    [{ 'weft.isolate': 'F' }, {}, 'option weft.isolate is false here and true in the cluster'],
    [{ [`${P}driver.mtu`]: '1400' }, {}, `option ${P}driver.mtu is 1400 here and not set in the cluster`],
    [
      { [`${P}bridge.gateway_mode_ipv4`]: 'nat-unprotected' },
      {},
      `option ${P}bridge.gateway_mode_ipv4 is nat-unprotected here and nat in the cluster`,
    ],
    [{ 'weft.vni': '5000' }, { 'weft.vni': '5001' }, 'option weft.vni is 5000 here and 5001 in the cluster'],
  ])('%j and %j: %s', (here, cluster, line) => {
    expect(differences(withOptions(here), withOptions(cluster))).toEqual([line]);
  });

  test.each([
    [{ 'weft.multicast': 'false', 'weft.isolate': '1', [`${P}driver.mtu`]: '0' }, {}],
    [{ [`${P}host_ipv4`]: '192.0.2.7', 'weft.network': 'app' }, { [`${P}container_iface_prefix`]: 'net' }],
    [{ 'weft.vni': '5000' }, {}],
    [{}, { 'weft.vni': '5000' }],
    [{ [`${P}some.future.key`]: 'x' }, {}],
  ])('%j and %j: none', (here, cluster) => {
    expect(
      differences(
        withOptions(here as Record<string, string>),
        withOptions(cluster as Record<string, string>),
      ),
    ).toEqual([]);
  });

  test('a VNI asked for is held against the one the cluster chose', () => {
    expect(differences(withOptions({ 'weft.vni': '5000' }), { ...withOptions({}), vni: 4711 })).toEqual([
      'option weft.vni is 5000 here and 4711 in the cluster',
    ]);
    expect(differences(withOptions({ 'weft.vni': '4711' }), { ...withOptions({}), vni: 4711 })).toEqual([]);
  });

  test('an option of a later version is named', () => {
    const later = { ...define(), options: { 'weft.later': 'yes' } };
    expect(differences(define(), later)).toEqual([
      'option weft.later is not set here and yes in the cluster',
    ]);
  });

  const subnets = (...pools: readonly string[]) => define({ ipv4: pools.map((pool) => aSubnet(pool)) });
  const one = aSubnet('10.0.5.0/24', '10.0.5.1/24');
  const two = aSubnet('10.0.5.0/24', '10.0.5.254/24');

  test.each([
    [
      'another subnet',
      subnets('10.0.5.0/24'),
      subnets('10.0.6.0/24'),
      ['subnet 10.0.5.0/24 here, 10.0.6.0/24 in the cluster'],
    ],
    [
      'one more here',
      subnets('10.0.5.0/24', '10.0.6.0/24', '10.0.7.0/24'),
      subnets('10.0.6.0/24'),
      ['subnets 10.0.5.0/24, 10.0.7.0/24 here, none besides in the cluster'],
    ],
    [
      'one more there',
      subnets('10.0.6.0/24'),
      subnets('10.0.5.0/24', '10.0.6.0/24'),
      ['no other subnet here, 10.0.5.0/24 in the cluster'],
    ],
    ['another order', subnets('10.0.6.0/24', '10.0.5.0/24'), subnets('10.0.5.0/24', '10.0.6.0/24'), []],
    [
      'another gateway',
      define({ ipv4: [one] }),
      define({ ipv4: [two] }),
      ['gateway of 10.0.5.0/24 is 10.0.5.1 here and 10.0.5.254 in the cluster'],
    ],
    [
      'another auxiliary address',
      define({ ipv4: [one] }),
      define({ ipv4: [{ ...one, aux: { nas: parseIp('10.0.5.9', 'ip') } }] }),
      ['aux-address nas of 10.0.5.0/24 is none here and 10.0.5.9 in the cluster'],
    ],
    ['internal', define({ internal: true }), define(), ['internal is true here and false in the cluster']],
    [
      'another family',
      define({ ipv6: [aSubnet('fd00::/64')] }),
      define(),
      ['IPv6 is on here and off in the cluster'],
    ],
  ])('%s', (_name, here, cluster, lines) => {
    expect(differences(here, cluster)).toEqual(lines);
  });

  test('ranges count where both are known', () => {
    const pool = parseCidr('10.80.0.0/24', 'pool');
    const range = (text: string) => define({}, new Map([[pool, parseCidr(text, 'range')]]));
    expect(differences(define(), range('10.80.0.0/25'))).toEqual([]);
    expect(differences(range('10.80.0.128/25'), range('10.80.0.0/25'))).toEqual([
      'ip-range of 10.80.0.0/24 is 10.80.0.128/25 here and 10.80.0.0/25 in the cluster',
    ]);
  });
});

function sorted(options: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
}
