import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mutation, queries, randomness } from '../../discovery/fixtures/mutations.ts';
import { query } from './dns-stream.ts';

/*
 * Random and mutated packets to a sandbox's resolver, run in a namespace: node dns-fuzz.ts PACKETS SEED NAME ADDRESS.
 * Each few of them are followed by a question for NAME, which must be answered with ADDRESS. Over UDP; one in ten
 * goes over TCP, in pieces. Prints a FuzzResult as JSON.
 */
export interface FuzzResult {
  readonly sent: number;
  /** Replies to them by their code. */
  readonly replies: Readonly<Record<number, number>>;
  /** What came back and was no reply to anything sent. */
  readonly odd: readonly string[];
  /** Questions for NAME that were answered wrong, or not at all. */
  readonly wrong: number;
  readonly lost: number;
}

const SERVER = '127.0.0.11';
/** Packets before each question: few enough that the socket's buffer does not overflow. */
const WINDOW = 64;
const FRAMES = 16;
const AGAIN_MS = 1000;
const ATTEMPTS = 5;
const RESPONSE = 0x80;
const SERVFAIL = 2;

interface Tally {
  readonly replies: Record<number, number>;
  readonly odd: string[];
}

/** Ids of what was sent: of the last few packets, and of all. What no resolver answers comes back late, as SERVFAIL. */
interface Ids {
  readonly last: ReadonlySet<number>;
  readonly all: ReadonlySet<number>;
}

function note(reply: Buffer, { last, all }: Ids, { replies, odd }: Tally): void {
  const code = (reply[3] ?? 0) & 15;
  const ids = code === SERVFAIL ? all : last;
  const isReply = reply.length >= 12 && ((reply[2] ?? 0) & RESPONSE) !== 0 && ids.has(reply.readUInt16BE(0));
  if (!isReply) odd.push(reply.toString('hex'));
  else replies[code] = (replies[code] ?? 0) + 1;
}

const idOf = (packet: Buffer): number => (packet.length < 2 ? -1 : packet.readUInt16BE(0));

/** Frames with mutations, some of a length that is not theirs, written in pieces; resolves when the server has ended it. */
async function overTcp(packets: readonly Buffer[], random: (below: number) => number): Promise<void> {
  const frames = packets.map((packet) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(random(20) === 0 ? random(0x10000) : packet.length);
    return Buffer.concat([length, packet]);
  });
  const bytes = Buffer.concat(frames);
  const socket = connect(53, SERVER);
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.resume();
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + random(200));
    socket.write(piece);
    at += piece.length;
    if (random(4) === 0) await sleep(0);
  }
  if (random(2) === 0) socket.end();
  else socket.destroy();
  await closed;
}

async function main(packets: number, seed: number, name: string, address: string): Promise<FuzzResult> {
  const random = randomness(seed);
  const tally: Tally = { replies: {}, odd: [] };
  const data = Buffer.from(address.split('.').map(Number));
  const socket = createSocket('udp4');
  let [sent, wrong, lost] = [0, 0, 0];
  let ids = new Set<number>();
  let before = ids;
  const all = new Set<number>();
  /** Settles the question that is under way. */
  let answered: (reply: Buffer) => boolean = () => false;
  socket.on('error', () => undefined);
  socket.on('message', (reply) => {
    if (!answered(reply)) note(reply, { last: ids.union(before), all }, tally);
  });
  await new Promise<void>((resolve) => socket.connect(53, SERVER, () => resolve()));
  const ask = async (id: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    answered = (reply) => {
      if (reply.readUInt16BE(0) !== id || !reply.subarray(12).includes(name)) return false;
      resolve(reply);
      return true;
    };
    let reply: Buffer | undefined;
    for (let attempt = 0; attempt < ATTEMPTS && reply === undefined; attempt++) {
      socket.send(query(name, id));
      reply = await Promise.race([promise, sleep(AGAIN_MS, undefined, { ref: false })]);
    }
    if (reply === undefined) lost += 1;
    else if (!reply.subarray(-4).equals(data)) wrong += 1;
  };
  while (sent < packets) {
    const made = Array.from({ length: WINDOW }, () => mutation(random, queries));
    before = ids;
    ids = new Set(made.map(idOf));
    for (const id of ids) all.add(id);
    if (random(10) === 0) {
      for (let at = 0; at < WINDOW; at += FRAMES) await overTcp(made.slice(at, at + FRAMES), random);
    } else for (const packet of made) socket.send(packet);
    sent += WINDOW;
    // No id of a mutation's, so that no reply is taken for another.
    let id = sent & 0xffff;
    while (ids.has(id) || before.has(id)) id = (id + 1) & 0xffff;
    await ask(id);
  }
  socket.close();
  return { sent, ...tally, wrong, lost };
}

if (import.meta.main) {
  const [packets = '1000', seed = '1', name = 'web', address = '198.18.0.1'] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await main(Number(packets), Number(seed), name, address)));
}
