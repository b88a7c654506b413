import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { DatagramBatch } from './datagram-batch.ts';
import { bindSocket, closeFd, openSocket } from './socket.ts';

const batch = new DatagramBatch({ size: 4, room: 16, replyRoom: 8 });
const fds: number[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const fd of fds.splice(0)) closeFd(fd);
  for (const socket of sockets.splice(0)) socket.close();
});

function bound(port: number): number {
  const fd = openSocket(2, 2, 0);
  fds.push(fd);
  bindSocket(fd, Uint8Array.of(2, 0, port >> 8, port & 255, 127, 0, 0, 1, ...new Uint8Array(8)));
  return fd;
}

async function client(): Promise<{ readonly socket: Socket; readonly got: Buffer[] }> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  const got: Buffer[] = [];
  socket.on('message', (packet) => got.push(packet));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, got };
}

async function send(socket: Socket, text: string, port: number): Promise<void> {
  await new Promise<void>((resolve) => socket.send(text, port, '127.0.0.1', () => resolve()));
}

test('nothing waits', () => {
  expect(batch.receive(bound(0))).toBe(0);
  expect(batch.receive(-1)).toBe(0);
});

test('datagrams of several senders, and a reply to each', async () => {
  const probe = await client();
  const { port } = probe.socket.address();
  sockets.pop();
  probe.socket.close();
  const fd = bound(port);
  const [one, two] = [await client(), await client()];
  for (const text of ['a', 'bb', 'ccc']) await send(one.socket, text, port);
  await send(two.socket, 'longer than there is room for', port);
  await send(two.socket, 'the fifth', port);

  expect(batch.receive(fd)).toBe(4);
  expect([0, 1, 2, 3].map((index) => batch.packet(index).toString())).toEqual([
    'a',
    'bb',
    'ccc',
    'longer than ther',
  ]);
  expect([batch.address(3), batch.port(3)]).toEqual(['127.0.0.1', two.socket.address().port]);
  for (const index of [0, 2, 3]) expect(batch.reply(index, batch.packet(index).subarray(0, 8))).toBe(true);
  expect(batch.reply(1, Buffer.alloc(9))).toBe(false);
  batch.send(fd);

  expect(batch.receive(fd)).toBe(1);
  expect(batch.packet(0).toString()).toBe('the fifth');
  batch.reply(0, Buffer.from('5'));
  batch.send(fd);
  await expect
    .poll(() => [one.got.map(String), two.got.map(String)])
    .toEqual([
      ['a', 'ccc'],
      ['longer t', '5'],
    ]);
});
