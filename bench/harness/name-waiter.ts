import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { query } from '../../test/support/dns-stream.ts';

/*
 * Says when names resolve, run in a container's namespace: node name-waiter.ts NAME… At each SIGUSR2 it asks for the next
 * of them every few milliseconds, whatever became of the questions before, until one is answered with an address, and
 * prints the name, when that was (milliseconds since the epoch) and the address.
 */

const EVERY_MS = 2;
const SERVER = '127.0.0.11';

/** The address in the first answer; undefined where there is none. */
function addressIn(reply: Buffer): string | undefined {
  const answers = reply.readUInt16BE(6);
  return answers === 0 || (reply.readUInt16BE(2) & 15) !== 0 ? undefined : [...reply.subarray(-4)].join('.');
}

function waitFor(name: string): void {
  const socket = createSocket('udp4');
  let asked = 0;
  const timer = setInterval(() => {
    socket.send(query(name, asked++ & 0xffff), 53, SERVER);
  }, EVERY_MS);
  // Nobody listens there until the sandbox is whole.
  socket.on('error', () => undefined);
  socket.on('message', (reply) => {
    const address = addressIn(reply);
    if (address === undefined) return;
    clearInterval(timer);
    socket.close();
    process.stdout.write(`${name} ${performance.timeOrigin + performance.now()} ${address}\n`);
  });
}

if (import.meta.main) {
  const names = process.argv.slice(2).values();
  process.on('SIGUSR2', () => {
    const next = names.next();
    if (next.done !== true) waitFor(next.value);
  });
  setInterval(() => undefined, 60_000);
  process.stdout.write('ready\n');
}
