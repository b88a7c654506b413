import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftChain, NftDatatype, NftExpr, NftFamily, NftRule, NftTable } from '../../core/nft.ts';
import { exampleClamp } from './example-clamp.ts';

const NUL_PADDED = 16;

function name(text: string): Uint8Array {
  const bytes = new Uint8Array(NUL_PADDED);
  bytes.set(Buffer.from(text));
  return bytes;
}

/**
 * A table with every expression, set kind, chain kind and verdict of core/nft.ts, for tests. It translates, filters
 * and marks as weft's own table does, so real packets can be sent through it.
 */
export function exampleTable(family: NftFamily): NftTable {
  const address: NftDatatype = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  return {
    family,
    name: 'weft',
    sets: [
      {
        name: 'ports_addr',
        key: ['inet_proto', address, 'inet_service'],
        data: [address, 'inet_service'],
      },
      { name: 'ports_any', key: ['inet_proto', 'inet_service'], data: [address, 'inet_service'] },
      { name: 'bridges', key: ['ifname'] },
      { name: 'pairs', key: ['ifname', 'ifname'] },
      { name: 'subnets', key: [address], interval: true },
      { name: 'zones', key: [address], data: ['mark'], interval: true },
      { name: 'rulings', key: ['ifname'], data: ['verdict'] },
      { name: 'sources', key: ['ifname'], data: [address] },
      { name: 'marks', key: ['mark'] },
      { name: 'own', key: ['ifname', 'ether_addr'] },
    ],
    chains: [isolate(), ...natChains(family), forward(family), guard(family), exampleClamp()],
  };
}

function daddr(family: NftFamily, dreg: number): NftExpr {
  return family === 'ip'
    ? { expr: 'payload', base: 'network', offset: 16, len: 4, dreg }
    : { expr: 'payload', base: 'network', offset: 24, len: 16, dreg };
}

function saddr(family: NftFamily, dreg: number): NftExpr {
  return family === 'ip'
    ? { expr: 'payload', base: 'network', offset: 12, len: 4, dreg }
    : { expr: 'payload', base: 'network', offset: 8, len: 16, dreg };
}

const DPORT = { expr: 'payload', base: 'transport', offset: 2, len: 2 } as const;

function publish(family: NftFamily): readonly NftRule[] {
  const words = family === 'ip' ? 1 : 4;
  const local: readonly NftExpr[] = [
    { expr: 'fib', result: 'type', address: 'daddr', dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(2, 0, 0, 0) },
  ];
  const dnat: NftExpr = { expr: 'nat', type: 'dnat', addrReg: 0, portReg: words };
  return [
    {
      comment: 'published on one address',
      exprs: [
        { expr: 'meta', key: 'l4proto', dreg: 0 },
        daddr(family, 1),
        { ...DPORT, dreg: 1 + words },
        { expr: 'lookup', set: 'ports_addr', sreg: 0, dreg: 0 },
        dnat,
      ],
    },
    {
      comment: 'published on any local address',
      exprs: [
        ...local,
        { expr: 'meta', key: 'l4proto', dreg: 0 },
        { ...DPORT, dreg: 1 },
        { expr: 'lookup', set: 'ports_any', sreg: 0, dreg: 0 },
        dnat,
      ],
    },
  ];
}

function natChains(family: NftFamily): readonly NftChain[] {
  return [
    {
      name: 'nat-prerouting',
      base: { type: 'nat', hook: 'prerouting', priority: -101, policy: 'accept' },
      rules: publish(family),
    },
    {
      name: 'nat-output',
      base: { type: 'nat', hook: 'output', priority: -101, policy: 'accept' },
      rules: publish(family),
    },
    {
      name: 'nat-postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: 99, policy: 'accept' },
      rules: [
        {
          comment: 'fixed source by link',
          exprs: [
            { expr: 'meta', key: 'oifname', dreg: 0 },
            { expr: 'lookup', set: 'sources', sreg: 0, dreg: 0 },
            { expr: 'nat', type: 'snat', addrReg: 0 },
          ],
        },
        {
          comment: 'masquerade subnets',
          exprs: [
            saddr(family, 0),
            { expr: 'lookup', set: 'subnets', sreg: 0 },
            daddr(family, 0),
            { expr: 'lookup', set: 'subnets', sreg: 0, invert: true },
            { expr: 'masquerade' },
          ],
        },
      ],
    },
  ];
}

function isolate(): NftChain {
  return {
    name: 'isolate',
    rules: [
      { comment: 'isolated', exprs: [{ expr: 'counter' }, { expr: 'verdict', verdict: { kind: 'drop' } }] },
    ],
  };
}

function bits(key: 'state' | 'status', mask: number): readonly NftExpr[] {
  return [
    { expr: 'ct', key, dreg: 0 },
    { expr: 'bitwise', sreg: 0, dreg: 0, mask: Uint8Array.of(mask, 0, 0, 0), xor: new Uint8Array(4) },
    { expr: 'cmp', op: 'neq', sreg: 0, data: new Uint8Array(4) },
  ];
}

function forward(family: NftFamily): NftChain {
  const accept: NftExpr = { expr: 'verdict', verdict: { kind: 'accept' } };
  return {
    name: 'forward',
    base: { type: 'filter', hook: 'forward', priority: -1, policy: 'accept' },
    rules: [
      { comment: 'answers', exprs: [...bits('state', 6), { expr: 'counter' }, accept] },
      { comment: 'translated', exprs: [...bits('status', 0x20), { expr: 'counter' }, accept] },
      {
        comment: 'pairs',
        exprs: [
          { expr: 'meta', key: 'iifname', dreg: 0 },
          { expr: 'meta', key: 'oifname', dreg: 4 },
          { expr: 'lookup', set: 'pairs', sreg: 0 },
          { expr: 'verdict', verdict: { kind: 'return' } },
        ],
      },
      {
        comment: 'rulings',
        exprs: [
          { expr: 'meta', key: 'iifname', dreg: 0 },
          { expr: 'lookup', set: 'rulings', sreg: 0, verdictMap: true },
        ],
      },
      {
        comment: 'links by prefix',
        exprs: [
          { expr: 'meta', key: 'iifname', dreg: 0 },
          { expr: 'cmp', op: 'eq', sreg: 0, data: Buffer.from('wb-') },
          { expr: 'meta', key: 'oifname', dreg: 0 },
          { expr: 'cmp', op: 'neq', sreg: 0, data: name('eth0') },
          saddr(family, 0),
          { expr: 'lookup', set: 'subnets', sreg: 0 },
          { expr: 'verdict', verdict: { kind: 'jump', chain: 'isolate' } },
        ],
      },
      {
        comment: 'low ports',
        exprs: [
          { expr: 'meta', key: 'l4proto', dreg: 0 },
          { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(17) },
          { ...DPORT, dreg: 0 },
          { expr: 'cmp', op: 'gte', sreg: 0, data: Uint8Array.of(0, 1) },
          { ...DPORT, dreg: 0 },
          { expr: 'cmp', op: 'lte', sreg: 0, data: Uint8Array.of(0, 9) },
          { expr: 'verdict', verdict: { kind: 'goto', chain: 'isolate' } },
        ],
      },
      {
        comment: 'from high to low ports',
        exprs: [
          { expr: 'payload', base: 'transport', offset: 0, len: 2, dreg: 0 },
          { expr: 'cmp', op: 'gt', sreg: 0, data: Uint8Array.of(0xff, 0) },
          { ...DPORT, dreg: 0 },
          { expr: 'cmp', op: 'lt', sreg: 0, data: Uint8Array.of(0, 9) },
          { expr: 'counter' },
          { expr: 'verdict', verdict: { kind: 'return' } },
        ],
      },
    ],
  };
}

function guard(family: NftFamily): NftChain {
  return {
    name: 'raw-prerouting',
    base: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
    rules: [
      {
        comment: 'mark by link',
        exprs: [
          { expr: 'meta', key: 'iifname', dreg: 0 },
          { expr: 'lookup', set: 'bridges', sreg: 0 },
          { expr: 'immediate', dreg: 0, data: Uint8Array.of(0x10, 0, 0, 0) },
          { expr: 'meta-set', key: 'mark', sreg: 0 },
        ],
      },
      {
        comment: 'zone of the destination',
        exprs: [
          daddr(family, 0),
          { expr: 'lookup', set: 'zones', sreg: 0, dreg: 0 },
          { expr: 'meta-set', key: 'mark', sreg: 0 },
        ],
      },
      {
        comment: 'replies with a known mark',
        exprs: [
          { expr: 'ct', key: 'direction', dreg: 0 },
          { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(1) },
          { expr: 'ct', key: 'mark', dreg: 0 },
          { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(5, 0, 0, 0) },
          { expr: 'meta', key: 'mark', dreg: 0 },
          { expr: 'lookup', set: 'marks', sreg: 0 },
          { expr: 'fib', result: 'type', address: 'saddr', dreg: 0 },
          { expr: 'cmp', op: 'neq', sreg: 0, data: Uint8Array.of(3, 0, 0, 0) },
          { expr: 'verdict', verdict: { kind: 'accept' } },
        ],
      },
      {
        comment: 'switched',
        exprs: [
          { expr: 'meta', key: 'iiftype', dreg: 0 },
          { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(1, 0) },
          { expr: 'meta', key: 'iifname', dreg: 0 },
          { expr: 'payload', base: 'link', offset: 0, len: 6, dreg: 4 },
          { expr: 'lookup', set: 'own', sreg: 0 },
          { expr: 'notrack' },
        ],
      },
    ],
  };
}

/** One element for each set of `exampleTable`, in the order of the sets. */
export function exampleElements(family: NftFamily): readonly ElementObject[] {
  const six = family === 'ip6';
  const host = six ? 'fd00::1' : '10.0.0.1';
  const target = six ? 'fd01::2' : '172.18.0.2';
  const element = (set: string, key: readonly string[], data?: readonly string[]): ElementObject => ({
    kind: 'element',
    family,
    table: 'weft',
    set,
    key,
    ...(data && { data }),
  });
  return [
    element('ports_addr', ['tcp', host, '80'], [target, '8080']),
    element('ports_any', ['udp', '53'], [target, '5353']),
    element('bridges', ['wb-abc']),
    element('pairs', ['a', 'b']),
    element('subnets', [six ? 'fd00::/64' : '10.0.0.0/24']),
    element('zones', [six ? 'ff00::/8' : '255.255.255.0/24'], ['7']),
    element('rulings', ['x'], ['jump isolate']),
    element('sources', ['eth1'], [host]),
    element('marks', ['16']),
    element('own', ['br0', '02:00:00:00:00:01']),
  ];
}
