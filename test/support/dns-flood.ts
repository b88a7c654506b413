import { createSocket } from 'node:dgram';
import { query } from './dns-stream.ts';

/* Queries as fast as they go, run in a namespace until its input ends: node dns-flood.ts NAME. */

const BURST = 64;

if (import.meta.main) {
  const packet = query(process.argv[2] ?? 'nowhere.example', 1);
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  socket.connect(53, '127.0.0.11', () => {
    const burst = (): void => {
      for (let i = 1; i < BURST; i++) socket.send(packet);
      socket.send(packet, () => setImmediate(burst));
    };
    burst();
  });
  process.stdin.resume().on('end', () => process.exit());
}
