import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Connections that are used, left alone and used again, run in a namespace: node idle-connections.ts HOST PORT COUNT
 * IDLE-MS, against a server that echoes. Prints what became of each as a JSON list of IdleOutcome.
 */
export type IdleOutcome = 'goes on' | 'reset' | 'hangs';

/** Longer than an answer takes, shorter than TCP gives up. */
const HANGING_MS = 5000;

/** Sends a line and waits for it to come back. */
function echo(socket: Socket, text: string): Promise<IdleOutcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done('hangs'), HANGING_MS);
    const done = (outcome: IdleOutcome): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('close');
      resolve(outcome);
    };
    socket.once('data', () => done('goes on'));
    socket.once('close', () => done('reset'));
    socket.write(text);
  });
}

async function one(host: string, port: number, idleMs: number): Promise<IdleOutcome> {
  const socket = connect({ host, port, noDelay: true });
  socket.on('error', () => undefined);
  const first = await echo(socket, 'first\n');
  if (first !== 'goes on') throw new Error(`no answer before it was idle: ${first}`);
  await sleep(idleMs);
  const outcome = socket.destroyed ? 'reset' : await echo(socket, 'second\n');
  socket.destroy();
  return outcome;
}

if (import.meta.main) {
  const [host = '', port = '80', count = '1', idleMs = '0'] = process.argv.slice(2);
  const all = Array.from({ length: Number(count) }, () => one(host, Number(port), Number(idleMs)));
  process.stdout.write(JSON.stringify(await Promise.all(all)));
}
