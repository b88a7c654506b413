import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket as TcpSocket } from 'node:net';
import { Unavailable } from '../../core/errors.ts';
import type { Exchange, UpstreamServer } from '../upstream/index.ts';
import { FrameReader, frame } from './frames.ts';

/** Opens sockets where the question is to come from: in the sandbox, or on the host. */
export interface SocketSource {
  /** Bound to a port that the kernel chose. */
  udp(server: UpstreamServer): Promise<UdpSocket>;
  /** Connected or connecting. */
  tcp(server: UpstreamServer): TcpSocket;
}

/** Questions over real sockets, a fresh one for each, so that its port is part of what a forger has to guess. */
export function socketExchange(source: SocketSource): Exchange {
  return (query, server, options) =>
    options.tcp
      ? overTcp(source.tcp(server), query, options.signal)
      : overUdp(source, query, server, options);
}

async function overUdp(
  source: SocketSource,
  query: Buffer,
  server: UpstreamServer,
  { signal, accepts }: Parameters<Exchange>[2],
): Promise<Buffer> {
  signal.throwIfAborted();
  const socket = await source.udp(server);
  const reply = Promise.withResolvers<Buffer>();
  const stop = (): void => reply.reject(new Unavailable('ask a resolver: the question was withdrawn'));
  try {
    signal.addEventListener('abort', stop);
    socket.on('error', reply.reject);
    socket.on('message', (packet) => {
      if (accepts(packet)) reply.resolve(packet);
    });
    // The kernel then passes on what comes from this server only, and its ICMP errors.
    socket.connect(server.port, server.address, (error?: Error) => {
      if (error !== undefined) reply.reject(error);
      else if (!signal.aborted) socket.send(query, (failed) => failed !== null && reply.reject(failed));
    });
    if (signal.aborted) stop();
    return await reply.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    socket.close();
  }
}

async function overTcp(socket: TcpSocket, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  const frames = new FrameReader();
  const reply = Promise.withResolvers<Buffer>();
  const stop = (): void => reply.reject(new Unavailable('ask a resolver: the question was withdrawn'));
  socket.on('error', reply.reject);
  socket.on('close', () => reply.reject(new Unavailable('ask a resolver: it closed the connection')));
  socket.on('data', (chunk) => {
    frames.push(chunk);
    const message = frames.take();
    if (message !== undefined) reply.resolve(message);
  });
  try {
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    else socket.write(frame(query));
    return await reply.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}
