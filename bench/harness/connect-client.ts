/**
 * Connects to ADDRESS PORT for MILLISECONDS, 32 connections at a time, each until the server's first byte has come,
 * and prints how many a second. Ends each with a reset, so that no port waits in TIME_WAIT.
 */
import { connect } from 'node:net';

const AT_ONCE = 32;
const [host = '', port = '', milliseconds = ''] = process.argv.slice(2);
const deadline = performance.now() + Number(milliseconds);

function once(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true });
    socket.once('error', reject);
    socket.once('data', () => {
      socket.resetAndDestroy();
      resolve();
    });
  });
}

async function loop(): Promise<number> {
  let done = 0;
  for (; performance.now() < deadline; done++) await once();
  return done;
}

const started = performance.now();
const counts = await Promise.all(Array.from({ length: AT_ONCE }, loop));
const total = counts.reduce((sum, count) => sum + count, 0);
process.stdout.write(`${(total * 1000) / (performance.now() - started)}\n`);
