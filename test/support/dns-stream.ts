import { createSocket } from 'node:dgram';
import { fstatSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * A steady stream of DNS queries, run in a namespace: node dns-stream.ts RATE NAME ADDRESS [AGAIN]. Each query has a
 * socket of its own, as those of a C library have, and is sent again each AGAIN milliseconds, refused or not answered.
 * Ends at end of input, or at SIGTERM where it has none, and prints a StreamResult as JSON.
 */
export interface StreamResult {
  readonly asked: number;
  readonly answered: number;
  /** Answered with anything but the address. */
  readonly wrong: number;
  /** Sent more than once. */
  readonly repeated: number;
  /** Not answered within 5 s. */
  readonly failed: number;
  /** Milliseconds until the answer. */
  readonly longest: number;
}

const AGAIN_MS = 250;
/**
 * For a bound of 200 ms on the time in which nobody serves: what a resolver was at when it died is asked again before
 * that.
 */
export const AGAIN_SOON_MS = 100;
const GIVE_UP_MS = 5000;

/** A question for a name's address. */
export function query(name: string, id: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

async function main(rate: number, name: string, address: string, againMs: number): Promise<StreamResult> {
  const result = { asked: 0, answered: 0, wrong: 0, repeated: 0, failed: 0, longest: 0 };
  const data = Buffer.from(address.split('.').map(Number));
  let open = 0;
  const ask = (): void => {
    const began = performance.now();
    const packet = query(name, result.asked & 0xffff);
    const socket = createSocket('udp4');
    result.asked += 1;
    open += 1;
    let sent = 0;
    let connected = false;
    const send = (): void => {
      sent += 1;
      if (sent === 2) result.repeated += 1;
      if (connected) socket.send(packet);
    };
    const end = (): void => {
      clearInterval(again);
      clearTimeout(giveUp);
      open -= 1;
      socket.close();
    };
    const again = setInterval(send, againMs);
    const giveUp = setTimeout(() => {
      result.failed += 1;
      end();
    }, GIVE_UP_MS);
    socket.on('error', () => undefined);
    socket.on('message', (reply) => {
      if (reply.readUInt16BE(0) !== packet.readUInt16BE(0)) return;
      result.answered += 1;
      result.longest = Math.max(result.longest, performance.now() - began);
      if (!reply.subarray(-4).equals(data)) result.wrong += 1;
      end();
    });
    socket.connect(53, '127.0.0.11', () => {
      connected = true;
      send();
    });
  };
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  process.once('SIGTERM', end);
  if (!fstatSync(0).isCharacterDevice()) process.stdin.resume().on('end', end);
  const began = performance.now();
  while (!ended) {
    while (result.asked < ((performance.now() - began) * rate) / 1000) ask();
    await sleep(1);
  }
  while (open > 0) await sleep(5);
  return result;
}

if (import.meta.main) {
  const [rate = '100', name = 'web', address = '198.18.0.1', again = AGAIN_MS] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await main(Number(rate), name, address, Number(again))));
}
