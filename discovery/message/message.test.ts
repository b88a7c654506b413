import dnsPacket from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { address, aQuery, queryPacket, replyPacket, soa, wireName } from '../fixtures/packets.ts';
import { ip } from '../fixtures/records.ts';
import type { AnswerRecord } from '../record.ts';
import { readQuery } from './read-query.ts';
import { readReply } from './read-reply.ts';
import { writeForwarded } from './write-forwarded.ts';
import { queryKey, writeQuery } from './write-query.ts';
import { sizeLimit, writeMinimalAny, writeReply } from './write-reply.ts';

const NOERROR = 0;
const rcodeOf = (reply: Buffer): number => reply.readUInt16BE(2) & 15;
const counts = (reply: Buffer): number[] => [4, 6, 8, 10].map((at) => reply.readUInt16BE(at));
const truncated = (reply: Buffer): boolean => (reply.readUInt16BE(2) & 0x200) !== 0;

function refused(packet: Buffer): Buffer {
  const read = readQuery(packet);
  if (read.kind !== 'answered') throw new TypeError(`the query was ${read.kind}`);
  return read.reply;
}

describe('a query', () => {
  test('is read with its name as asked, its type and its EDNS', () => {
    expect(aQuery('Web.Net', 'AAAA', { id: 7 })).toMatchObject({ id: 7, name: 'Web.Net', type: 'AAAA' });
    expect(aQuery('web', 'HTTPS', { edns: 4096, dnssecOk: true })).toMatchObject({
      type: 'UNKNOWN_65',
      edns: { size: 4096, dnssecOk: true },
    });
    expect(aQuery('.', '65280')).toMatchObject({ name: '.', type: 'UNKNOWN_65280' });
    expect(aQuery('x', 'A', { edns: 12 }).edns?.size).toBe(512);
  });

  test('of other case has the same key, one of another type or class of DNSSEC another', () => {
    const key = queryKey(aQuery('web', 'A'));
    expect(queryKey(aQuery('WeB', 'A', { id: 9, edns: 4096 }))).toBe(key);
    expect(queryKey(aQuery('web', '97'))).not.toBe(queryKey(aQuery('web', '65')));
    expect(queryKey(aQuery('web', 'A', { edns: 4096, dnssecOk: true }))).not.toBe(key);
    expect(queryKey(aQuery('web', 'A', { flags: 0x0110 }))).not.toBe(key);
  });

  test.each([
    ['shorter than a header', queryPacket('web').subarray(0, 11)],
    ['that is a reply', queryPacket('web', 'A', { flags: 0x8100 })],
    ['of nothing', Buffer.alloc(0)],
  ])('%s is dropped', (_, packet) => {
    expect(readQuery(packet)).toEqual({ kind: 'dropped' });
  });

  const two = queryPacket('web');
  two.writeUInt16BE(2, 4);
  const none = queryPacket('web').subarray(0, 12);
  none.writeUInt16BE(0, 4);
  const answers = queryPacket('web');
  answers.writeUInt16BE(65_535, 6);
  const looping = Buffer.concat([queryPacket('web').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  const long = queryPacket(Array.from({ length: 128 }, () => 'x').join('.'));
  const opt = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
  const twoOpts = Buffer.concat([queryPacket('web', 'A', { edns: 1232 }), opt]);
  twoOpts.writeUInt16BE(2, 10);

  test.each([
    ['with two questions', two],
    ['with no question', none],
    ['that claims answers', answers],
    ['cut short in its name', queryPacket('web').subarray(0, 14)],
    ['cut short in its type', queryPacket('web').subarray(0, 19)],
    ['cut short in its OPT', queryPacket('web', 'A', { edns: 1232 }).subarray(0, 25)],
    ['whose name points to itself', looping],
    ['whose name is over 255 bytes', long],
    ['with two OPT records', twoOpts],
  ])('%s is answered FORMERR under its id', (_, packet) => {
    const reply = refused(packet);
    expect(reply.readUInt16BE(0)).toBe(0x1234);
    expect(rcodeOf(reply)).toBe(1);
  });

  test('the longest name that may be is read', () => {
    const name = [...Array.from({ length: 3 }, () => 'x'.repeat(63)), 'x'.repeat(61)].join('.');
    expect(aQuery(name).name).toBe(name);
    expect(rcodeOf(refused(queryPacket(`${name}x`)))).toBe(1);
  });

  test('of another opcode is answered NOTIMP, of another class or for a zone REFUSED', () => {
    expect(rcodeOf(refused(queryPacket('web', 'A', { flags: 0x2800 })))).toBe(4);
    expect(rcodeOf(refused(queryPacket('web', 'A', { klass: 3 })))).toBe(5);
    expect(rcodeOf(refused(queryPacket('web', 'AXFR')))).toBe(5);
  });

  test('of a later EDNS is answered BADVERS', () => {
    const reply = refused(queryPacket('web', 'A', { edns: 1232, ednsVersion: 1 }));
    expect(rcodeOf(reply)).toBe(0);
    expect(dnsPacket.decode(reply).additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
  });
});

const a = (text: string, ttl = 5): AnswerRecord => ({ type: 'A', ip: ip(text), ttl });
const many = (count: number): AnswerRecord[] => Array.from({ length: count }, (_, i) => a(`10.0.0.${i}`));

describe('a reply made here', () => {
  test('repeats id and question in their case and is what dns-packet reads', () => {
    const query = aQuery('WeB', 'A', { id: 77, flags: 0x0110 });
    const answers: AnswerRecord[] = [
      a('10.0.0.1'),
      { type: 'AAAA', ip: ip('fd00::1'), ttl: 6 },
      { type: 'PTR', target: 'web.net', ttl: 7 },
      { type: 'SRV', port: 80, target: 'web', ttl: 8 },
    ];
    const reply = writeReply(query, { rcode: NOERROR, answers, limit: 512 });
    expect(reply.readUInt16BE(0)).toBe(77);
    expect(reply.readUInt16BE(2)).toBe(0x8190);
    const decoded = dnsPacket.decode(reply) as unknown as Record<string, unknown>;
    expect(decoded['questions']).toMatchObject([{ name: 'WeB', type: 'A', class: 'IN' }]);
    expect(decoded['answers']).toMatchObject([
      { name: 'WeB', type: 'A', ttl: 5, data: '10.0.0.1' },
      { name: 'WeB', type: 'AAAA', ttl: 6, data: 'fd00::1' },
      { name: 'WeB', type: 'PTR', ttl: 7, data: 'web.net' },
      { name: 'WeB', type: 'SRV', ttl: 8, data: { port: 80, target: 'web', priority: 0, weight: 0 } },
    ]);
    expect(counts(reply)).toEqual([1, 4, 0, 0]);
  });

  test('has an OPT of 1232 exactly when the query has one', () => {
    const reply = writeReply(aQuery('web', 'A', { edns: 4096, dnssecOk: true }), {
      rcode: NOERROR,
      answers: [],
      limit: 512,
    });
    const { additionals } = dnsPacket.decode(reply);
    expect(additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232, flag_do: true }]);
  });

  test.each([
    [undefined, 'udp', 512],
    [100, 'udp', 512],
    [1000, 'udp', 1000],
    [65_000, 'udp', 1232],
    [512, 'tcp', 65_535],
  ] as const)('for a size of %s over %s is at most %i bytes', (edns, transport, limit) => {
    const query = aQuery('web', 'A', edns === undefined ? {} : { edns });
    expect(sizeLimit(query, transport)).toBe(limit);
    const answers = many(200);
    const reply = writeReply(query, { rcode: NOERROR, answers, limit });
    expect(reply.length).toBeLessThanOrEqual(limit);
    expect(truncated(reply)).toBe(transport === 'udp');
    const [, count = 0] = counts(reply);
    expect(reply.length).toBe(12 + 9 + count * 16 + (edns === undefined ? 0 : 11));
    expect(dnsPacket.decode(reply)).toBeDefined();
    if (transport === 'udp') expect(reply.length + 16).toBeGreaterThan(limit);
    else expect(count).toBe(200);
  });

  test('for every type at once is one record', () => {
    const decoded = dnsPacket.decode(writeMinimalAny(aQuery('web', 'ANY', { edns: 1232 })));
    expect(decoded).toMatchObject({ answers: [{ name: 'web', type: 'HINFO' }], additionals: [{}] });
  });
});

describe('a question passed on', () => {
  test('has an id and an OPT of its own and the bits that matter', () => {
    const packet = writeQuery(aQuery('web.Example', 'AAAA', { id: 1, flags: 0x0130 }), 99);
    expect(packet.readUInt16BE(0)).toBe(99);
    expect(packet.readUInt16BE(2)).toBe(0x0130);
    expect(dnsPacket.decode(packet)).toMatchObject({
      questions: [{ name: 'web.Example', type: 'AAAA' }],
      additionals: [{ udpPayloadSize: 1232, flag_do: false }],
    });
  });
});

const packet = queryPacket('web.example');
const asked = aQuery('web.example');
const opt = { name: '', type: 'OPT', ttl: 0, data: Buffer.alloc(0) };

describe('the reply of a resolver', () => {
  test('is given on under the id, case and EDNS of the asker, older by its age', () => {
    const upstream = replyPacket(packet, {
      flags: 0x20,
      answers: [
        { type: 'CNAME', ttl: 100, data: wireName('c.example') },
        { ...address('10.9.8.7', 40), name: 'c.example' },
      ],
      additionals: [opt],
    });
    const reply = readReply(upstream, 0x1234, asked.question);
    expect(reply).toMatchObject({ rcode: 0, counts: [2, 0, 0], answerTtl: 40, authentic: true });
    expect(reply.negativeTtl).toBeUndefined();
    const asker = aQuery('WEB.example', 'A', { id: 5, edns: 900, flags: 0x0120 });
    const given = writeForwarded(asker, reply, { ageSeconds: 50 }, 900);
    expect(given.readUInt16BE(2)).toBe(0x81a0);
    expect(dnsPacket.decode(given)).toMatchObject({
      id: 5,
      questions: [{ name: 'WEB.example' }],
      answers: [
        { name: 'WEB.example', type: 'CNAME', ttl: 50, data: 'c.example' },
        { name: 'c.example', type: 'A', ttl: 0, data: '10.9.8.7' },
      ],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232 }],
    });
    const stale = dnsPacket.decode(writeForwarded(asked, reply, { staleTtl: 30 }, 512));
    expect(stale).toMatchObject({ answers: [{ ttl: 30 }, { ttl: 30 }], additionals: [] });
  });

  test('that is negative may be kept as its SOA says', () => {
    const kept = (ttl: number, minimum: number) =>
      readReply(replyPacket(packet, { flags: 3, authorities: [soa(ttl, minimum)] }), 0x1234, asked.question);
    expect(kept(300, 60)).toMatchObject({ rcode: 3, negativeTtl: 60, counts: [0, 1, 0] });
    expect(kept(20, 60)).toMatchObject({ negativeTtl: 20 });
    expect(kept(-1, 60)).toMatchObject({ negativeTtl: 0 });
  });

  test('is cut at a record, and says so unless only additional ones are missing', () => {
    const answers = Array.from({ length: 40 }, (_, i) => address(`10.0.0.${i}`));
    const more = Array.from({ length: 5 }, (_, i) => address(`10.1.0.${i}`));
    const long = readReply(replyPacket(packet, { answers, additionals: more }), 0x1234, asked.question);
    const cut = writeForwarded(asked, long, { ageSeconds: 0 }, 512);
    expect(cut.length).toBeLessThanOrEqual(512);
    expect([truncated(cut), counts(cut)]).toEqual([true, [1, 30, 0, 0]]);
    const few = readReply(
      replyPacket(packet, { answers: answers.slice(0, 28), additionals: more }),
      0x1234,
      asked.question,
    );
    const whole = writeForwarded(asked, few, { ageSeconds: 0 }, 512);
    expect([truncated(whole), counts(whole)]).toEqual([false, [1, 28, 0, 2]]);
  });

  test.each([
    ['under another id', replyPacket(packet, { id: 1 })],
    ['to another question', replyPacket(queryPacket('web.example', 'AAAA'))],
    ['to another name', replyPacket(queryPacket('wex.example'))],
    ['that is a query', packet],
    ['that is no packet', Buffer.from('no')],
    ['cut short', replyPacket(packet, { answers: [address('10.0.0.1')] }).subarray(0, -1)],
    ['cut short in a name', replyPacket(packet, { answers: [address('10.0.0.1')] }).subarray(0, 30)],
    ['with an OPT as answer', replyPacket(packet, { answers: [opt] })],
  ])('%s is refused', (_, wrong) => {
    expect(() => readReply(wrong, 0x1234, asked.question)).toThrow(DecodeError);
  });

  test('has the upper bits of its code in its OPT', () => {
    const upstream = replyPacket(packet, { additionals: [{ ...opt, ttl: 0x0100_0000 }] });
    expect(readReply(upstream, 0x1234, asked.question).rcode).toBe(16);
  });
});
