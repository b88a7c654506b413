import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { anEndpoint, aService, ip } from '../fixtures/records.ts';
import { DOCKER } from '../fixtures/servers.ts';
import { NameTable } from '../table/index.ts';
import { type Fact, type FactChange, type FactKey, factKey, type SandboxToServe } from './fact.ts';
import { Facts } from './facts.ts';
import { CHANGES_PER_MESSAGE, decodeFeedMessage, Feed, syncMessages } from './feed.ts';
import { tableObserver } from './table-observer.ts';

const put = (fact: Fact): FactChange => ({ op: 'put', fact });
const endpoint = (id: string, host = 1): Fact => ({
  kind: 'endpoint',
  endpoint: anEndpoint(id, ['web'], { ipv4: ip(`198.18.0.${host}`) }),
});
const service: Fact = { kind: 'service', service: aService('shop', { vip4: ip('198.18.0.9') }) };
const ttl: Fact = { kind: 'ttl', network: 'net-id', seconds: 30 };
const sandbox: Fact = {
  kind: 'sandbox',
  sandbox: {
    key: '/run/docker/netns/1' as SandboxToServe['key'],
    networks: ['net-id'],
    servers: [DOCKER],
  },
};

function resolver() {
  const table = new NameTable();
  const heard: string[] = [];
  const facts = new Facts([
    tableObserver(table),
    {
      put: (fact) => heard.push(`put ${factKey(fact)}`),
      drop: (fact) => heard.push(`drop ${factKey(fact)}`),
    },
  ]);
  const feed = new Feed(facts);
  const ask = (name: string) => {
    const answer = table.lookup(['net-id'], { name, type: 'A' });
    return answer === 'unknown'
      ? answer
      : answer.map((each) => ('ip' in each ? `${each.ip} ${each.ttl}` : ''));
  };
  return { table, heard, facts, feed, ask };
}

describe('a feed', () => {
  test('fills the table, and empties it again', () => {
    const { feed, ask, facts } = resolver();
    for (const message of syncMessages([endpoint('1'), service, ttl, sandbox].map(put), 'a'))
      feed.receive(message);
    expect([ask('web'), ask('shop'), facts.size]).toEqual([['198.18.0.1 30'], ['198.18.0.9 30'], 4]);
    const drops = [endpoint('1'), ttl].map((fact): FactChange => ({ op: 'drop', key: factKey(fact) }));
    feed.receive({ type: 'changes', session: 'a', changes: drops });
    expect([ask('web'), ask('shop')]).toEqual(['unknown', ['198.18.0.9 5']]);
  });

  test('answers with what was known while all is told anew, then forgets what was not told', () => {
    const { feed, ask, heard } = resolver();
    for (const message of syncMessages([endpoint('1', 1), endpoint('2', 2)].map(put), 'a'))
      feed.receive(message);
    heard.length = 0;
    const [begin, ...rest] = syncMessages([endpoint('2', 2), endpoint('3', 3)].map(put), 'b');
    if (begin !== undefined) feed.receive(begin);
    expect(feed.isSynced).toBe(false);
    expect(ask('web')).toHaveLength(2);
    for (const message of rest) feed.receive(message);
    expect(feed.isSynced).toBe(true);
    expect(heard).toEqual(['put endpoint 3', 'drop endpoint 1']);
  });

  test('passes over what is left of an earlier session', () => {
    const { feed, facts } = resolver();
    feed.receive({ type: 'changes', session: 'a', changes: [put(endpoint('1'))] });
    feed.receive({ type: 'sync', session: 'b' });
    feed.receive({ type: 'changes', session: 'a', changes: [put(endpoint('1'))] });
    feed.receive({ type: 'synced', session: 'a' });
    expect([facts.size, feed.isSynced]).toEqual([0, false]);
  });

  test('is cut into messages that each take little time', () => {
    const messages = [
      ...syncMessages(
        Array.from({ length: 120 }, (_, i) => put(endpoint(`${i}`))),
        'a',
      ),
    ];
    const sizes = messages.map((each) => (each.type === 'changes' ? each.changes.length : each.type));
    expect(sizes).toEqual(['sync', CHANGES_PER_MESSAGE, CHANGES_PER_MESSAGE, 20, 'synced']);
  });
});

test('however often and broken off the telling is, its end leaves what was told last', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 10 });
  const session = fc.record({
    ids,
    host: fc.integer({ min: 1, max: 3 }),
    kept: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(session, { minLength: 1, maxLength: 6 }), (sessions) => {
      const { feed, facts, ask } = resolver();
      for (const [index, { ids: told, host, kept }] of sessions.entries()) {
        const all = [
          ...syncMessages(
            told.map((id) => put(endpoint(`${id}`, host))),
            `s${index}`,
          ),
        ];
        const last = index === sessions.length - 1;
        for (const message of last ? all : all.slice(0, kept)) feed.receive(message);
      }
      const { ids: told, host } = sessions.at(-1) ?? { ids: [], host: 0 };
      expect([...facts].map(factKey).sort()).toEqual(told.map((id) => `endpoint ${id}`).sort());
      expect(ask('web')).toEqual(told.length === 0 ? 'unknown' : told.map(() => `198.18.0.${host} 5`));
    }),
  );
});

describe('what was known once', () => {
  test('counts only where nothing newer is known', () => {
    const { facts, ask } = resolver();
    facts.apply(put(endpoint('1', 1)));
    facts.recall(endpoint('1', 2));
    facts.recall(endpoint('2', 3));
    expect(ask('web')).toEqual(expect.arrayContaining(['198.18.0.1 5', '198.18.0.3 5']));
    expect(facts.size).toBe(2);
  });

  test('is forgotten with what was not told anew', () => {
    const { facts, feed, ask } = resolver();
    const [begin, ...rest] = syncMessages([put(endpoint('1', 1))], 'a');
    if (begin !== undefined) feed.receive(begin);
    for (const id of ['1', '2']) facts.recall(endpoint(id, 9));
    expect(facts.size).toBe(2);
    for (const message of rest) feed.receive(message);
    expect(ask('web')).toEqual(['198.18.0.1 5']);
  });
});

describe('a message', () => {
  const good = { type: 'changes', session: 'a', changes: [endpoint('1'), service, ttl, sandbox].map(put) };

  test('is what it was after a way as JSON', () => {
    expect(decodeFeedMessage(JSON.parse(JSON.stringify(good)))).toEqual(good);
    const drop = { type: 'changes', session: 'a', changes: [{ op: 'drop', key: 'x' as FactKey }] };
    expect(decodeFeedMessage(drop)).toEqual(drop);
  });

  const withFact = (fact: object) => ({ ...good, changes: [{ op: 'put', fact }] });
  test.each([
    ['nothing', undefined],
    ['another type', { type: 'other', session: 'a' }],
    ['no session', { type: 'sync' }],
    ['too many changes', { ...good, changes: Array.from({ length: 51 }, () => put(ttl)) }],
    ['an unknown fact', withFact({ kind: 'other' })],
    ['a name in upper case', withFact({ kind: 'service', service: aService('Shop') })],
    ['an address that is none', withFact({ kind: 'service', service: { ...aService('s'), vip4: '1.2.3' } })],
    [
      'an address of the other family',
      withFact({ kind: 'service', service: { ...aService('s'), vip4: 'fd00::1' } }),
    ],
    ['an endless TTL', withFact({ ...ttl, seconds: 1e9 })],
    [
      'a sandbox elsewhere',
      withFact({ kind: 'sandbox', sandbox: { key: '../x', networks: [], servers: [] } }),
    ],
  ])('with %s is refused', (_, message) => {
    expect(() => decodeFeedMessage(message)).toThrow(DecodeError);
  });
});
