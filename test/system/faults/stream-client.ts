import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

/*
 * Holds one TCP connection to an echo server open and sends a numbered line every 20 ms. Arguments: address, port.
 * At SIGTERM, or at the end of its standard input where no third argument is given, it waits for the last echo and says on standard output what came of it.
 */

const [host = '', port = ''] = process.argv.slice(2);
let sent = 0;
let echoed = 0;
let longestMs = 0;
let failure = '';
let isStopping = false;
let lastAt = performance.now();

const socket = createConnection({ host, port: Number(port), noDelay: true });
socket.on('error', (error) => {
  failure = String(error);
});
socket.on('close', () => {
  failure ||= 'closed';
  if (isStopping) finish();
});
socket.once('connect', () => {
  lastAt = performance.now();
  process.stdout.write('connected\n');
  const timer = setInterval(() => {
    if (!isStopping && failure === '') socket.write(`${++sent}\n`);
    else clearInterval(timer);
  }, 20);
});
createInterface({ input: socket })
  .on('error', () => undefined)
  .on('line', (line) => {
    if (Number(line) !== ++echoed) failure ||= `line ${line} came as number ${echoed}`;
    longestMs = Math.max(longestMs, performance.now() - lastAt);
    lastAt = performance.now();
    if (isStopping && echoed === sent) finish();
  });

if (process.argv[4] === undefined) process.stdin.resume().on('end', stop);
process.once('SIGTERM', stop);

function stop(): void {
  isStopping = true;
  if (failure !== '' || echoed === sent) finish();
  setTimeout(() => {
    failure ||= 'the last echo is missing';
    finish();
  }, 5000).unref();
}

function finish(): never {
  process.stdout.write(`${JSON.stringify({ sent, echoed, longestMs: Math.round(longestMs), failure })}\n`);
  process.exit(0);
}
