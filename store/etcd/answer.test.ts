import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import {
  decodeLease,
  decodeRange,
  decodeToken,
  decodeTxn,
  decodeWatch,
  findRefusal,
  parseAnswer,
  toEntry,
} from './answer.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const header = { cluster_id: '10676772073483275023', member_id: '1', revision: '7', raft_term: '2' };

describe('answers as etcd gives them', () => {
  test('an empty range has no keys, and its count is absent', () => {
    expect(decodeRange({ header })).toEqual({
      header: { clusterId: '10676772073483275023', revision: 7n, term: 2n },
      keys: [],
      more: false,
    });
  });

  test('an empty value and a lease are absent or text', () => {
    const kv = {
      key: base64('/weft/a'),
      create_revision: '2',
      mod_revision: '9007199254740993',
      version: '1',
    };
    const [stored] = decodeRange({ header, kvs: [{ ...kv, lease: '12' }], more: true }).keys;
    expect(stored).toMatchObject({ revision: 9_007_199_254_740_993n, history: '2/1/12' });
    expect(stored === undefined ? undefined : toEntry(stored, 6)).toEqual({
      key: 'a',
      value: new Uint8Array(),
      revision: 9_007_199_254_740_993n,
    });
  });

  test('a refused transaction tells the revisions that were found, 0 for none', () => {
    const range = { header: { revision: '7' }, kvs: [{ key: base64('a'), mod_revision: '5' }], count: '1' };
    const responses = [{ response_range: range }, { response_range: { header: { revision: '7' } } }];
    expect(decodeTxn({ header, responses })).toMatchObject({ succeeded: false, found: [5n, 0n] });
    expect(decodeTxn({ header, succeeded: true, responses: [{ response_put: {} }] })).toMatchObject({
      succeeded: true,
      found: [],
    });
  });

  test('a lease that is gone has no TTL, granted or in a stream', () => {
    expect(decodeLease({ header, ID: '75', TTL: '10' })).toEqual({ id: 75n, ttl: 10 });
    expect(decodeLease({ result: { header, ID: '75' } })).toEqual({ id: 75n, ttl: 0 });
  });

  test('a deletion in a watch names key and revision only', () => {
    const events = [
      { type: 'DELETE', kv: { key: base64('a'), mod_revision: '8' } },
      { kv: { key: base64('b') } },
    ];
    const { changes, fragment, compactRevision } = decodeWatch({
      result: { header, events, fragment: true },
    });
    expect(changes.map(({ type }) => type)).toEqual(['delete', 'put']);
    expect({ fragment, compactRevision }).toEqual({ fragment: true, compactRevision: 0n });
  });

  test.each([
    ['3.4', { error: 'no', message: 'etcdserver: no leader', code: 14 }, 14, 'etcdserver: no leader'],
    ['3.5', { code: 11, message: 'compacted' }, 11, 'compacted'],
    ['a stream', { error: { grpc_code: 14, http_code: 503, message: 'no leader' } }, 14, 'no leader'],
    ['text only', { error: 'broken' }, 2, 'broken'],
    ['nothing said', { error: {} }, 2, 'refused without a reason'],
  ])('a refusal is found in the shape of %s', (_, answer, code, message) => {
    expect(findRefusal(answer)).toEqual({ code, message });
  });

  test('an answer is no refusal', () => {
    expect(findRefusal({ header })).toBe(undefined);
    expect(findRefusal({ result: { header } })).toBe(undefined);
  });

  test.each(['', '<html>', '[]', '7', 'null', '{'])('%j is no answer', (text) => {
    expect(() => parseAnswer(text)).toThrow(DecodeError);
  });
});

/** JSON whose fields have the names that the decoders look for. */
const names = [
  ...['header', 'kvs', 'kv', 'key', 'value', 'mod_revision', 'create_revision', 'version', 'lease', 'more'],
  ...[
    'succeeded',
    'responses',
    'response_range',
    'result',
    'created',
    'canceled',
    'compact_revision',
    'events',
  ],
  ...[
    'type',
    'fragment',
    'ID',
    'TTL',
    'token',
    'error',
    'code',
    'message',
    'revision',
    'cluster_id',
    'raft_term',
  ],
  ...['toString', '__proto__', 'length'],
];
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'large', withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      false,
      0,
      -1,
      1e300,
      '',
      '7',
      '-7',
      'PUT',
      'DELETE',
      '99999999999999999999',
      '/w==',
    ),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 6 }),
})).object;

test('whatever JSON comes, the decoders give an answer or throw DecodeError', () => {
  const decoders = [decodeRange, decodeTxn, decodeLease, decodeToken, decodeWatch, findRefusal];
  fc.assert(
    fc.property(json, (random) => {
      const answer = parseAnswer(JSON.stringify(random));
      for (const decode of decoders) {
        try {
          decode(answer);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }),
    { numRuns: 5000 },
  );
});

test('keys go through base64 and back, and what is not text is told apart', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
      const kvs = [{ key: Buffer.concat([Buffer.from('p/'), bytes]).toString('base64'), mod_revision: '1' }];
      const [stored] = decodeRange({ header, kvs }).keys;
      const entry = stored === undefined ? undefined : toEntry(stored, 2);
      if (entry === undefined)
        expect(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toThrow();
      else expect(Buffer.from(entry.key).equals(bytes)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
