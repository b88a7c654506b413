/** tcp-target.ts bytes|echoes PORT: sends one byte on each connection and ends it, or sends back what comes. */
import { accepted, closed, listening, receiveByte, sendByte } from './blocking-sockets.ts';

const [what = '', port = ''] = process.argv.slice(2);
const fd = listening(Number(port));
process.stdout.write('ready\n');

function serve(connection: number): void {
  if (what === 'bytes') sendByte(connection);
  else while (receiveByte(connection) && sendByte(connection));
  closed(connection);
}

for (;;) {
  const connection = accepted(fd);
  if (connection >= 0) serve(connection);
}
