/*
 * Run as a process in a namespace of its own: subscribes to link notifications, keeps the event loop from reading
 * them while `ip` makes more than the receive buffer holds, then reads, and says on standard output what it lived to
 * see. The argument says how: `bare` uses npm netlink as it comes, `guarded` weft's transport.
 */
import { spawnSync } from 'node:child_process';
import { encodeLink, openEvents, openTransport, RTM } from '../../kernel/netlink/index.ts';
import { poll } from './poll.ts';

const EVENTS = 12_000;

function flood(): void {
  // Changes of a link are told only while it is up.
  const changes = [
    'link set lo up',
    ...Array.from({ length: EVENTS }, (_, i) => `link set dev lo alias flood${i % 2}`),
  ].join('\n');
  const { status, stderr } = spawnSync('ip', ['-batch', '-'], { input: changes, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

async function bare(): Promise<void> {
  const { RawNetlinkSocket } = await import('netlink');
  const socket = new RawNetlinkSocket(0);
  socket.on('message', () => {});
  socket.on('error', () => {});
  socket.addMembership(1);
  flood();
  // The socket is read, and its error found, in a later turn of the loop.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  socket.close();
  console.log('lived');
}

async function guarded(): Promise<void> {
  let received = 0;
  let overruns = 0;
  await using events = openEvents({
    protocol: 0,
    groups: [1],
    onMessage: () => {
      received++;
    },
    onOverrun: () => {
      overruns++;
    },
  });
  flood();
  await poll(() => overruns > 0);
  const before = received;
  await using transport = openTransport({ protocol: 0 });
  await transport.request({
    type: RTM.RTM_SETLINK,
    flags: 0,
    payload: encodeLink({ index: 1 }, { alias: 'after' }),
  });
  await poll(() => received > before);
  console.log(JSON.stringify({ received, overruns, isOpen: events !== undefined }));
}

await (process.argv[2] === 'bare' ? bare() : guarded());
