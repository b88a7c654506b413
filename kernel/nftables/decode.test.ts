import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError, InvalidArgument } from '../../core/errors.ts';
import type { NftExpr, NftSet } from '../../core/nft.ts';
import {
  attribute,
  attributeMap,
  attributeNest,
  attributeText,
  attributeU32,
  decodeAttributes,
} from './attribute.ts';
import { decodeChain } from './chain.ts';
import { decodeElements, encodeAddElements, encodeElement, setOfElements } from './element.ts';
import { exampleElements, exampleTable } from './example-table.ts';
import { decodeExpr, encodeExpr } from './expressions/expression.ts';
import { CommitWatch } from './generation-watch.ts';
import { decodeNftMessage } from './message.ts';
import { decodeRule } from './rule.ts';
import { decodeSet } from './set.ts';
import { decodeTable } from './table.ts';
import { decodeComment, encodeComment } from './userdata.ts';
import { decodeVerdict } from './verdict.ts';

const SETS = exampleTable('ip').sets;

/** Random bytes, and random attributes nested in each other, which get further. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .letrec<{ tree: Uint8Array }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc
          .tuple(fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 20 }))
          .map(([type, value]) => attribute(type, value)),
        fc
          .tuple(fc.integer({ min: 0, max: 15 }), fc.string({ maxLength: 8 }))
          .map(([type, value]) => attributeText(type, value)),
        fc
          .tuple(fc.integer({ min: 0, max: 15 }), fc.array(tie('tree'), { maxLength: 6 }))
          .map(([type, children]) => attributeNest(type, children)),
      ),
    }))
    .tree.chain((tree) =>
      fc.array(fc.constant(tree), { minLength: 1, maxLength: 2 }).map((list) => Buffer.concat(list)),
    ),
);

describe('bytes of any kind', () => {
  const decoders: readonly (readonly [string, (input: Uint8Array) => unknown])[] = [
    ['attributes', decodeAttributes],
    ['table', decodeTable],
    ['chain', decodeChain],
    ['rule', (input) => decodeRule(input, 'ip')],
    ['set', decodeSet],
    ['verdict', decodeVerdict],
    ['expression', (input) => decodeExpr(input, 'ip6')],
    ['name of elements', setOfElements],
    ['elements', (input) => SETS.map((set) => Array.from(decodeElements(set, [input])))],
    ['message', (input) => decodeNftMessage({ type: 0x0a00, payload: input })],
    ['comment', decodeComment],
    [
      'notification',
      (input) =>
        new CommitWatch(1, { tables: new Set(), chains: new Set() }).take({
          type: 0x0a06,
          flags: 0,
          seq: 1,
          port: 2,
          payload: input,
        }),
    ],
  ];
  test.each(decoders)('decode as a %s or fail with DecodeError', (_, decode) => {
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('expressions', () => {
  const all = (['ip', 'ip6'] as const).flatMap((family) =>
    exampleTable(family).chains.flatMap(({ rules }) =>
      rules.flatMap(({ exprs }) => exprs.map((expr) => [family, expr] as const)),
    ),
  );

  test('the example has each kind', () => {
    const kinds: readonly NftExpr['expr'][] = [
      'meta',
      'meta-set',
      'payload',
      'cmp',
      'bitwise',
      'lookup',
      'immediate',
      'verdict',
      'ct',
      'fib',
      'nat',
      'masquerade',
      'notrack',
      'counter',
      'tcp-option',
      'tcp-option-set',
      'rt',
      'byteorder',
    ];
    expect(new Set(all.map(([, { expr }]) => expr))).toEqual(new Set(kinds));
  });

  test('decode to what was encoded', () => {
    const registers = Array.from({ length: 16 }, (_, dreg) => ({ expr: 'meta', key: 'mark', dreg }) as const);
    for (const [family, expr] of [...all, ...registers.map((expr) => ['ip', expr] as const)]) {
      const [content] = decodeAttributes(encodeExpr(expr, family));
      const decoded = decodeExpr(content?.[1] ?? new Uint8Array(), family);
      expect(decoded).toEqual('data' in expr ? { ...expr, data: Uint8Array.from(expr.data) } : expr);
    }
  });

  test.each([
    ['a key weft does not use', 'meta', [attributeU32(2, 1), attributeU32(1, 1)]],
    [
      'a port range',
      'nat',
      [
        [1, 1],
        [2, 2],
        [3, 1],
        [5, 2],
        [6, 3],
      ].map(([t = 0, v = 0]) => attributeU32(t, v)),
    ],
    [
      'another family',
      'nat',
      [
        [1, 1],
        [2, 10],
        [3, 1],
      ].map(([t = 0, v = 0]) => attributeU32(t, v)),
    ],
    [
      'a flag',
      'nat',
      [
        [1, 1],
        [2, 2],
        [3, 1],
        [7, 4],
      ].map(([t = 0, v = 0]) => attributeU32(t, v)),
    ],
    ['a flag', 'masq', [attributeU32(1, 4)]],
    ['a direction', 'ct', [attributeU32(2, 0), attributeU32(1, 1), attribute(3, Uint8Array.of(0))]],
    ['a store', 'payload', [attributeU32(5, 1), attributeU32(2, 1), attributeU32(3, 0), attributeU32(4, 1)]],
    ['a shift', 'bitwise', [attributeU32(6, 1)]],
    [
      'no data register',
      'cmp',
      [attributeU32(1, 0), attributeU32(2, 0), attributeNest(3, [attribute(1, new Uint8Array(1))])],
    ],
    ['a flag', 'lookup', [attributeU32(2, 1), attributeText(1, 's'), attributeU32(5, 2)]],
    ['another expression', 'limit', []],
  ] as const)('with %s are foreign: %s', (_, name, data) => {
    const content = Buffer.concat([attributeText(1, name), attributeNest(2, data)]);
    expect(decodeExpr(content, 'ip')).toMatchObject({ expr: 'opaque', name });
  });
});

describe('elements', () => {
  test('decode to what was encoded', () => {
    const address = { family: 'ip', table: 'weft', set: 's' } as const;
    const ip = fc.ipV4().filter((text) => /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text));
    const port = fc.integer({ min: 0, max: 65535 }).map(String);
    const proto = fc.oneof(
      fc.constantFrom('tcp', 'udp', 'sctp', 'icmp', 'ipv6-icmp'),
      fc.constantFrom(...[0, 2, 47, 255].map(String)),
    );
    const link = fc.stringMatching(/^[a-z0-9.@_-]{1,15}$/);
    const mark = fc.integer({ min: 0, max: 0xffffffff }).map(String);
    const set: NftSet = {
      name: 's',
      key: ['inet_proto', 'ipv4_addr', 'inet_service', 'ifname', 'mark'],
      data: ['mark', 'inet_service'],
    };
    fc.assert(
      fc.property(fc.tuple(proto, ip, port, link, mark), fc.tuple(mark, port), (key, data) => {
        const { payload } = encodeAddElements(address, [encodeElement(set, { key, data })]);
        expect(Array.from(decodeElements(set, [payload.subarray(4)]))).toEqual([{ key, data }]);
      }),
    );
  });

  test.each([
    ['ports_any', ['tcp', '65536'], ['10.0.0.1', '1']],
    ['ports_any', ['tcp', '080'], ['10.0.0.1', '1']],
    ['ports_any', ['http', '80'], ['10.0.0.1', '1']],
    ['ports_any', ['tcp', '80'], ['10.0.0.1']],
    ['ports_any', ['tcp', '80'], ['fd00::1', '1']],
    ['ports_any', ['tcp'], ['10.0.0.1', '1']],
    ['bridges', [''], undefined],
    ['bridges', ['a'], ['1']],
    ['marks', ['-1'], undefined],
    ['marks', ['4294967296'], undefined],
    ['rulings', ['a'], ['jump']],
    ['rulings', ['a'], ['accept', 'drop']],
    ['subnets', ['10.0.0.1/24'], undefined],
    ['subnets', ['10.0.0.0/33'], undefined],
    ['subnets', ['10.0.0.9-10.0.0.1'], undefined],
    ['subnets', ['10.0.0.0/8/9'], undefined],
  ] as const)('of %s are refused with wrong texts: %j', (name, key, data) => {
    const set = SETS.find((candidate) => candidate.name === name);
    if (set === undefined) throw new Error(name);
    expect(() => encodeElement(set, { key, ...(data && { data }) })).toThrow(InvalidArgument);
  });

  test('name a catch-all element, which only others make', () => {
    const element = attributeNest(1, [
      attributeU32(3, 2),
      attributeNest(2, [attributeNest(2, [attributeU32(1, 1)])]),
    ]);
    const list = Buffer.concat([
      attributeText(1, 'weft'),
      attributeText(2, 'rulings'),
      attributeNest(3, [element]),
    ]);
    const rulings = SETS.find(({ name }) => name === 'rulings');
    expect(rulings && Array.from(decodeElements(rulings, [list]))).toEqual([
      { key: ['*'], data: ['accept'] },
    ]);
  });

  test('of the example fit their sets', () => {
    for (const element of exampleElements('ip')) {
      const set = SETS.find(({ name }) => name === element.set);
      expect(set && encodeElement(set, element).length).toBeGreaterThan(0);
    }
  });
});

describe('comments', () => {
  test('decode to what was encoded', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 60 }).filter((text) => !text.includes('\0') && text.isWellFormed()),
        (text) => {
          expect(decodeComment(encodeComment(text))).toBe(text);
        },
      ),
    );
  });

  test('of 255 bytes and more are refused', () => {
    expect(decodeComment(encodeComment('x'.repeat(254)))).toHaveLength(254);
    expect(() => encodeComment('x'.repeat(255))).toThrow(DecodeError);
  });
});

test('of two attributes of one type the last counts', () => {
  const value = attributeMap(Buffer.concat([attributeU32(1, 1), attributeU32(1, 2)])).get(1);
  expect(Array.from(value ?? [])).toEqual([0, 0, 0, 2]);
});

test('a nest that a 16-bit length cannot name is refused', () => {
  expect(() => attributeNest(1, [new Uint8Array(65_532)])).toThrow(DecodeError);
  expect(attributeNest(1, [new Uint8Array(65_528)])).toHaveLength(65_532);
});
