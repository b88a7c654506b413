import { describe, expect, test } from 'vitest';
import type { NftVerdict } from '../../../core/nft.ts';
import type { DecodedExpr } from '../../../kernel/nftables/index.ts';
import type { NetworkFacts } from '../host-view.ts';
import { judgeForwardTables } from './check.ts';
import { evaluateTable } from './evaluate-chain.ts';
import { evaluateRule, type Probe } from './evaluate-rule.ts';
import type { ForwardTable } from './read-tables.ts';

const OUT: Probe = { from: 'wb-aaaaaaaaaa', to: 'eth0', translated: false };
const IN: Probe = { from: 'eth0', to: 'wb-aaaaaaaaaa', translated: true };

const verdict = (kind: 'accept' | 'drop' | 'return'): DecodedExpr => ({ expr: 'verdict', verdict: { kind } });
const to = (kind: 'jump' | 'goto', chain: string): DecodedExpr => ({
  expr: 'verdict',
  verdict: { kind, chain },
});
const name = (key: 'iifname' | 'oifname', text: string, op: 'eq' | 'neq' = 'eq'): readonly DecodedExpr[] => [
  { expr: 'meta', key, dreg: 0 },
  { expr: 'cmp', op, sreg: 0, data: Uint8Array.from(Buffer.from(text)) },
];
const bits = (key: 'state' | 'status', mask: number): readonly DecodedExpr[] => [
  { expr: 'ct', key, dreg: 0 },
  { expr: 'bitwise', sreg: 0, dreg: 0, mask: word(mask), xor: word(0) },
  { expr: 'cmp', op: 'neq', sreg: 0, data: word(0) },
];
const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const source: readonly DecodedExpr[] = [
  { expr: 'payload', base: 'network', offset: 12, len: 4, dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(10, 0, 0, 1) },
];
const opaque = (kind: string, xt = ''): DecodedExpr => ({
  expr: 'opaque',
  name: kind,
  data: Buffer.concat([Buffer.from([5 + xt.length, 0, 1, 0]), Buffer.from(`${xt}\0`)]),
});

describe('a rule', () => {
  test.each<[string, readonly DecodedExpr[], Probe, string, NftVerdict['kind'] | 'unknown' | undefined]>([
    ['without conditions', [verdict('accept')], OUT, 'yes', 'accept'],
    ['without a verdict', [{ expr: 'counter' }], OUT, 'yes', undefined],
    ['for the bridge by wildcard', [...name('iifname', 'wb-'), verdict('accept')], OUT, 'yes', 'accept'],
    ['for the bridge by name', [...name('iifname', 'wb-aaaaaaaaaa\0'), verdict('drop')], OUT, 'yes', 'drop'],
    ['for a longer name', [...name('iifname', 'wb-aaaaaaaaaab\0'), verdict('drop')], OUT, 'no', undefined],
    ['for a shorter whole name', [...name('iifname', 'wb-\0'), verdict('drop')], OUT, 'no', undefined],
    ['for all but the bridge', [...name('iifname', 'wb-', 'neq'), verdict('drop')], OUT, 'no', undefined],
    ['for the other direction', [...name('oifname', 'wb-'), verdict('accept')], OUT, 'no', undefined],
    ['for answers', [...bits('state', 2 | 4), verdict('accept')], OUT, 'no', undefined],
    ['for new connections', [...bits('state', 8), verdict('accept')], OUT, 'yes', 'accept'],
    ['for translated connections', [...bits('status', 32), verdict('accept')], IN, 'yes', 'accept'],
    ['for translated ones, outwards', [...bits('status', 32), verdict('accept')], OUT, 'no', undefined],
    ['for an address', [...source, verdict('accept')], OUT, 'maybe', 'accept'],
    [
      'for an address and another device',
      [...source, ...name('iifname', 'eth7\0'), verdict('drop')],
      OUT,
      'no',
      undefined,
    ],
    [
      'with a set',
      [...name('iifname', 'wb-'), { expr: 'lookup', set: 's', sreg: 4 }, verdict('drop')],
      OUT,
      'maybe',
      'drop',
    ],
    ['with a verdict map', [{ expr: 'lookup', set: 'm', sreg: 0, verdictMap: true }], OUT, 'yes', 'unknown'],
    ['that rejects', [opaque('reject')], OUT, 'yes', 'drop'],
    ['that rejects by xt', [opaque('target', 'REJECT')], OUT, 'yes', 'drop'],
    ['that marks by xt', [opaque('target', 'MARK')], OUT, 'yes', undefined],
    ['that logs', [opaque('log'), verdict('drop')], OUT, 'yes', 'drop'],
    ['with an xt match', [opaque('match', 'conntrack'), verdict('accept')], OUT, 'maybe', 'accept'],
    ['with an xt comment', [opaque('match', 'comment'), verdict('accept')], OUT, 'yes', 'accept'],
    [
      'that reloads a register in a way not known',
      [
        ...name('iifname', 'wb-'),
        opaque('meta'),
        { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(2) },
        verdict('drop'),
      ],
      OUT,
      'maybe',
      'drop',
    ],
  ])('%s', (_name, exprs, probe, match, kind) => {
    const outcome = evaluateRule(exprs, probe);
    expect(outcome.match).toBe(match);
    expect(typeof outcome.verdict === 'object' ? outcome.verdict.kind : outcome.verdict).toBe(kind);
  });
});

function table(
  policy: 'accept' | 'drop',
  rules: readonly (readonly [chain: string, ...DecodedExpr[]])[],
): ForwardTable {
  const chains = [...new Set(rules.map(([chain]) => chain))].filter((chain) => chain !== 'F');
  return {
    family: 'inet',
    name: 't',
    chains: [
      { table: 't', name: 'F', base: { type: 'filter', hook: 'forward', priority: 0, policy } },
      ...chains.map((chain) => ({ table: 't', name: chain })),
    ],
    rules: rules.map(([chain, ...exprs], i) => ({
      table: 't',
      chain,
      handle: BigInt(i),
      exprs,
      userdata: new Uint8Array(),
    })),
  };
}

const ACCEPT = verdict('accept');
const DROP = verdict('drop');
const RETURN = verdict('return');

describe('a chain', () => {
  test.each<[string, ForwardTable, string]>([
    ['empty, policy accept', table('accept', []), 'accept'],
    ['empty, policy drop', table('drop', []), 'drop'],
    ['accepts the bridge', table('drop', [['F', ...name('iifname', 'wb-'), ACCEPT]]), 'accept'],
    ['accepts some sources', table('drop', [['F', ...source, ACCEPT]]), 'drop?'],
    ['drops some sources', table('accept', [['F', ...source, DROP]]), 'accept'],
    [
      'ends in a reject',
      table('accept', [
        ['F', ...bits('state', 6), ACCEPT],
        ['F', opaque('reject')],
      ]),
      'drop',
    ],
    [
      'accepts in a chain it jumps to',
      table('drop', [
        ['F', to('jump', 'A')],
        ['A', ...name('iifname', 'wb-'), ACCEPT],
      ]),
      'accept',
    ],
    [
      'comes back from a jump',
      table('drop', [
        ['F', to('jump', 'A')],
        ['F', ACCEPT],
        ['A', RETURN],
        ['A', DROP],
      ]),
      'accept',
    ],
    [
      'does not come back from a goto',
      table('drop', [
        ['F', to('goto', 'A')],
        ['F', ACCEPT],
        ['A', RETURN],
      ]),
      'drop',
    ],
    [
      'might jump to a chain that accepts',
      table('drop', [
        ['F', ...source, to('jump', 'A')],
        ['A', ACCEPT],
      ]),
      'drop?',
    ],
    [
      'drops what a called chain does not return',
      table('accept', [
        ['F', to('jump', 'A')],
        ['A', ...source, RETURN],
        ['A', DROP],
      ]),
      'drop?',
    ],
    [
      'returns some before it drops',
      table('accept', [
        ['F', ...source, RETURN],
        ['F', DROP],
      ]),
      'drop?',
    ],
    [
      'returns some to a policy that drops',
      table('drop', [
        ['F', ...source, RETURN],
        ['F', DROP],
      ]),
      'drop',
    ],
    [
      'asks a verdict map',
      table('drop', [['F', { expr: 'lookup', set: 'm', sreg: 0, verdictMap: true }]]),
      'drop?',
    ],
  ])('that %s', (_name, ruleset, end) => {
    const [outcome] = evaluateTable(ruleset, OUT);
    expect(`${outcome?.end}${outcome?.end === 'drop' && outcome.maybeAccepted ? '?' : ''}`).toBe(end);
  });
});

describe('forward tables', () => {
  const network: NetworkFacts = {
    id: 'n',
    label: 'app',
    driver: 'weft-bridge',
    bridge: 'lan0',
    internal: false,
    subnets: [],
    ipv6: false,
    attached: 0,
  };

  test('none, or open ones, are well', () => {
    expect(judgeForwardTables([], [], 'eth0')).toMatchObject([{ level: 'ok' }]);
    expect(judgeForwardTables([table('accept', [])], [network], 'eth0')).toMatchObject([{ level: 'ok' }]);
  });

  test('a closed one fails, with a remedy that names the bridges', () => {
    expect(judgeForwardTables([table('drop', [])], [], 'eth0')).toMatchObject([
      {
        level: 'fail',
        remedy:
          'nft \'insert rule inet t F iifname "wb-*" accept; insert rule inet t F oifname "wb-*" accept\'',
      },
    ]);
    const halfOpen = table('drop', [['F', ...name('iifname', 'lan0\0'), ACCEPT]]);
    const [finding] = judgeForwardTables([halfOpen], [network], 'eth0');
    expect(finding).toMatchObject({ level: 'fail', remedy: expect.stringContaining('iifname "lan0"') });
    expect(finding?.detail).toMatch(/^new connections to published ports end/);
  });

  test('one that cannot be read to the end is a warning', () => {
    const [finding] = judgeForwardTables([table('drop', [['F', ...source, ACCEPT]])], [network], 'eth0');
    expect(finding).toMatchObject({ level: 'warn', title: 'Chain inet t F may drop the traffic of weft' });
  });

  test('iptables is mended with iptables, firewalld with firewall-cmd', () => {
    const filter = { ...table('drop', []), family: 'ip', name: 'filter' } as const;
    const chains = filter.chains.map((chain) => ({ ...chain, name: 'FORWARD' }));
    const remedy = (each: ForwardTable) => judgeForwardTables([each], [], 'eth0')[0]?.remedy;
    expect(remedy({ ...filter, chains })).toBe(
      'iptables -I FORWARD -i wb-+ -j ACCEPT; iptables -I FORWARD -o wb-+ -j ACCEPT',
    );
    expect(remedy({ ...filter, chains: [...chains, { table: 'filter', name: 'DOCKER-USER' }] })).toMatch(
      /-I FORWARD -j DOCKER-USER$/,
    );
    expect(remedy({ ...table('drop', []), name: 'firewalld' })).toMatch(/^firewall-cmd/);
  });

  test('rules for IPv6 matter once a network has IPv6; internal networks are not let out', () => {
    const closed = { ...table('drop', []), family: 'ip6' } as const;
    expect(judgeForwardTables([closed], [network], 'eth0')).toMatchObject([{ level: 'ok' }]);
    expect(judgeForwardTables([closed], [{ ...network, ipv6: true }], 'eth0')).toMatchObject([
      { level: 'fail' },
    ]);
  });
});
