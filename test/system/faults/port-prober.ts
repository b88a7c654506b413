import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

/* Tells for each line `tcp|udp ADDRESS PORT` on standard input whether that can be bound: `free` or `busy`. */

function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ host, port, ipv6Only: true }, () => server.close(() => resolve(true)));
  });
}

function canBind(address: string, port: number): Promise<boolean> {
  const socket = address.includes(':')
    ? createSocket({ type: 'udp6', ipv6Only: true })
    : createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind({ address, port }, () => socket.close(() => resolve(true)));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [protocol, address = '', port = ''] = line.split(' ');
  const isFree = await (protocol === 'tcp' ? canListen : canBind)(address, Number(port));
  process.stdout.write(`${isFree ? 'free' : 'busy'}\n`);
}
