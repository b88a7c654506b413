/** Accepts TCP connections on the port named by the first argument, sends one byte on each and forgets it. */
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy()); // the client ends with a reset
  socket.write('.');
  socket.resume();
});
server.listen({ host: '0.0.0.0', port: Number(process.argv[2]), backlog: 1024 });
