import { expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { mutation, queries, randomness } from '../fixtures/mutations.ts';
import { address, aQuery, queryPacket, replyPacket, soa, wireName } from '../fixtures/packets.ts';
import { readQuery } from './read-query.ts';
import { readReply } from './read-reply.ts';
import { writeForwarded } from './write-forwarded.ts';
import { sizeLimit, writeReply } from './write-reply.ts';

/** WEFT_FUZZ_PACKETS sets how many packets each test makes. */
const PACKETS = Number(process.env['WEFT_FUZZ_PACKETS'] ?? 500_000);
const SEED = Number(process.env['WEFT_FUZZ_SEED'] ?? 1);

test(`no query of ${PACKETS} makes an exception, and every reply is one to it`, () => {
  const random = randomness(SEED);
  const kinds: Record<string, number> = { query: 0, answered: 0, dropped: 0 };
  for (let i = 0; i < PACKETS; i++) {
    const packet = mutation(random, queries);
    const read = readQuery(packet);
    kinds[read.kind] = (kinds[read.kind] ?? 0) + 1;
    if (read.kind === 'dropped') continue;
    const reply =
      read.kind === 'answered' ? read.reply : writeReply(read.query, { rcode: 0, answers: [], limit: 512 });
    const right = reply.length >= 12 && reply.length <= 512 && (reply[2] ?? 0) >= 0x80;
    if (!right || reply.readUInt16BE(0) !== packet.readUInt16BE(0))
      expect.fail(`${packet.toString('hex')} gave ${reply.toString('hex')}`);
  }
  for (const kind of ['query', 'answered', 'dropped']) expect(kinds[kind]).toBeGreaterThan(PACKETS / 100);
}, 120_000);

test(`no reply of ${PACKETS} makes an exception other than DecodeError`, () => {
  const random = randomness(SEED + 1);
  const asked = queryPacket('web.example');
  const query = aQuery('web.example', 'A', { edns: 1232 });
  const cname = { type: 'CNAME', ttl: 9, data: wireName('c.example') };
  const replies = [
    replyPacket(asked, { answers: [cname, address('10.0.0.1'), address('10.0.0.2')] }),
    replyPacket(asked, { flags: 3, authorities: [soa(300, 60)] }),
    replyPacket(asked, {
      answers: [address('10.0.0.1')],
      additionals: [{ ...cname, type: 'OPT', name: '' }],
    }),
  ];
  let read = 0;
  for (let i = 0; i < PACKETS; i++) {
    const packet = mutation(random, replies);
    try {
      const reply = readReply(packet, 0x1234, query.question);
      read += 1;
      const given = writeForwarded(query, reply, { ageSeconds: 5 }, sizeLimit(query, 'udp'));
      if (given.length > 1232) expect.fail(`${packet.toString('hex')} gave ${given.length} bytes`);
    } catch (error) {
      if (!(error instanceof DecodeError)) expect.fail(`${packet.toString('hex')}: ${String(error)}`);
    }
  }
  expect(read).toBeGreaterThan(PACKETS / 100);
}, 120_000);

/** A record whose data is a chain of pointers, each to the one before, and SOA records whose names end in it. */
function chained(query: Buffer, section: 'authority' | 'additional', soas: number): Buffer {
  const start = query.length + 12;
  const pointers = Math.floor((0x3fff - start) / 2);
  const packet = Buffer.alloc(start + 2 * pointers + soas * 12 + 32);
  query.copy(packet);
  packet.writeUInt16BE(section === 'authority' ? 0x8180 : 0x0100, 2);
  packet.writeUInt16BE(1 + soas, section === 'authority' ? 8 : 10);
  Buffer.from([0xc0, 12, 0, 10, 0, 1, 0, 0, 0, 0]).copy(packet, query.length);
  packet.writeUInt16BE(2 * pointers, start - 2);
  for (let i = 0; i < pointers; i++)
    packet.writeUInt16BE(0xc000 | (i === 0 ? 12 : start + 2 * i - 2), start + 2 * i);
  for (let i = 0; i < soas; i++) {
    const at = start + 2 * pointers + i * 12;
    packet.writeUInt16BE(0xc000 | (start + 2 * pointers - 2), at);
    packet.writeUInt16BE(6, at + 2);
  }
  return packet;
}

test('a chain of pointers costs no more than another packet of its size', () => {
  const query = queryPacket('web.example');
  const { question } = aQuery('web.example');
  const [reply, two, many] = [
    chained(query, 'authority', 4000),
    chained(query, 'additional', 1),
    chained(query, 'additional', 4000),
  ];
  const started = performance.now();
  for (let i = 0; i < 20; i++) {
    expect(readReply(reply, 0x1234, question).counts).toEqual([0, 4001, 0]);
    expect(readQuery(two).kind).toBe('query');
    expect(readQuery(many).kind).toBe('answered');
  }
  expect((performance.now() - started) / 20).toBeLessThan(30);
});
