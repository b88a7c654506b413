import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import type { PortReservation } from '../../core/ports.ts';
import { tcpRelays } from './relay.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function upstream(
  onSocket: (socket: Socket) => void,
  host = '127.0.0.1',
): Promise<{ readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    onSocket(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return server.address() as { port: number };
}

async function freePort(host = '::1'): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function relayTo(port: number): Promise<{ readonly port: number; readonly held: PortReservation }> {
  const own = await freePort();
  const held = await tcpRelays.open(
    { protocol: 'tcp', ip: '::1' as Ip, port: own },
    { ip: '127.0.0.1' as Ip, port },
  );
  closers.push(() => held.release());
  return { port: own, held };
}

async function client(port: number): Promise<Socket> {
  const socket = connect({ host: '::1', port, allowHalfOpen: true });
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

describe('a relay from IPv6 to IPv4', () => {
  test('passes data both ways, a megabyte of it', async () => {
    const { port } = await upstream((socket) => socket.pipe(socket));
    const relay = await relayTo(port);
    const socket = await client(relay.port);
    const sent = Buffer.alloc(1 << 20, 'weft');
    socket.end(sent);
    expect(await received(socket)).toBe(sent.toString('latin1'));
  });

  test('passes the end of one direction on and leaves the other open', async () => {
    const { port } = await upstream((socket) => {
      let request = '';
      socket.on('data', (data) => {
        request += data;
      });
      socket.on('end', () => socket.end(`answer to ${request}`));
    });
    const relay = await relayTo(port);
    const socket = await client(relay.port);
    socket.end('question');
    expect(await received(socket)).toBe('answer to question');
  });

  test('passes what the server says first', async () => {
    const { port } = await upstream((socket) => socket.end('220 hello'));
    const relay = await relayTo(port);
    expect(await received(await client(relay.port))).toBe('220 hello');
  });

  test('ends the server’s connection when the client resets its own', async () => {
    const begun = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<string | undefined>();
    const { port } = await upstream((socket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => closed.resolve(error.code));
      socket.once('data', () => begun.resolve());
    });
    const relay = await relayTo(port);
    const socket = await client(relay.port);
    socket.write('x');
    await begun.promise;
    socket.resetAndDestroy();
    expect(await closed.promise).toBe('ECONNRESET');
  });

  test('ends the client’s connection when the server resets its own', async () => {
    const { port } = await upstream((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    const relay = await relayTo(port);
    const socket = await client(relay.port);
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve));
    socket.write('x');
    expect((await failed).code).toBe('ECONNRESET');
  });

  test('resets a client’s connection when nobody listens behind it', async () => {
    const relay = await relayTo(await freePort('127.0.0.1'));
    const socket = connect({ host: '::1', port: relay.port });
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve));
    expect((await failed).code).toBe('ECONNRESET');
  });

  test('serves a hundred clients at once', async () => {
    const { port } = await upstream((socket) => socket.pipe(socket));
    const relay = await relayTo(port);
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const socket = await client(relay.port);
        socket.end(`client ${n}`);
        return received(socket);
      }),
    );
    expect(answers).toEqual(answers.map((_, n) => `client ${n}`));
  });

  test('released: ends its connections and gives the port back at once', async () => {
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const { port } = await upstream((socket) => {
      begun.resolve();
      socket.on('end', () => ended.resolve()).resume();
    });
    const relay = await relayTo(port);
    const socket = await client(relay.port);
    await begun.promise;
    const end = once(socket.resume(), 'end');
    relay.held.release();
    await Promise.all([end, ended.promise]);
    const again = await tcpRelays.open(relay.held.binding, { ip: '127.0.0.1' as Ip, port });
    again.release();
    relay.held.release();
  });
});

describe('opening a relay', () => {
  test('is refused for a port that is taken', async () => {
    const { port } = await upstream(() => undefined, '::1');
    const open = tcpRelays.open(
      { protocol: 'tcp', ip: '::1' as Ip, port },
      { ip: '127.0.0.1' as Ip, port: 1 },
    );
    await expect(open).rejects.toThrow(`port ${port} on ::1 is in use`);
    await expect(open).rejects.toBeInstanceOf(Conflict);
  });

  test('is refused for an address of another host', async () => {
    const open = tcpRelays.open(
      { protocol: 'tcp', ip: '192.0.2.1' as Ip, port: 18_080 },
      { ip: '127.0.0.1' as Ip, port: 1 },
    );
    await expect(open).rejects.toThrow('host address 192.0.2.1 is not an address of this host');
    await expect(open).rejects.toBeInstanceOf(InvalidArgument);
  });

  test('of :: leaves the port free for IPv4', async () => {
    const { port } = await upstream(() => undefined, '127.0.0.1');
    const held = await tcpRelays.open(
      { protocol: 'tcp', ip: '::' as Ip, port },
      { ip: '127.0.0.1' as Ip, port },
    );
    closers.push(() => held.release());
    expect(held.binding.port).toBe(port);
  });
});
