/**
 * tcp-load.ts connects|echoes HOST PORT MILLISECONDS: one connection after the other, each until the server's first
 * byte, or one byte there and back on one connection. Prints how many a second, and the microseconds each took.
 */
import { closed, connected, receiveByte, reset, sendByte } from './blocking-sockets.ts';
import { quantile } from './statistics.ts';

const [what = '', host = '', port = '', milliseconds = ''] = process.argv.slice(2);
const WARM_UP_MS = 100;

function connectOnce(): void {
  const fd = connected(host, Number(port));
  if (!receiveByte(fd)) throw new Error('the server ended the connection without a byte');
  reset(fd);
}

function measure(once: () => void, duration: number): readonly number[] {
  const times: number[] = [];
  const end = performance.now() + duration;
  for (let at = performance.now(); at < end; ) {
    once();
    const now = performance.now();
    times.push((now - at) * 1000);
    at = now;
  }
  return times;
}

function load(): (duration: number) => readonly number[] {
  if (what === 'connects') return (duration) => measure(connectOnce, duration);
  const fd = connected(host, Number(port));
  process.once('exit', () => closed(fd));
  return (duration) =>
    measure(() => {
      if (!sendByte(fd) || !receiveByte(fd)) throw new Error('the connection ended');
    }, duration);
}

const run = load();
run(WARM_UP_MS);
const times = run(Number(milliseconds));
const total = times.reduce((sum, each) => sum + each, 0);
process.stdout.write(
  `${JSON.stringify({ perSecond: (times.length * 1e6) / total, p50: quantile(times, 0.5), p99: quantile(times, 0.99) })}\n`,
);
