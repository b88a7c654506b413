import { DatagramBatch } from '../../kernel/libc/index.ts';
import type { Datagrams } from '../server/index.ts';
import { sendFrom } from './sandbox-sockets.ts';

/** Longer queries over UDP than this are no queries; longer replies go over TCP (`ADVERTISED_SIZE`). */
const BATCH = { size: 32, room: 2048, replyRoom: 1232 } as const;

/** One for all sandboxes: what is in it does not outlast a turn of the event loop. */
const batch = new DatagramBatch(BATCH);

/** Datagrams of a bound descriptor. @param fd open for as long as they are used. */
export function quickDatagrams(fd: number): Datagrams {
  return {
    exchange: (answer) => {
      const count = batch.receive(fd);
      for (let index = 0; index < count; index++) {
        const sender = () => ({ port: batch.port(index), address: batch.address(index) });
        // A raw socket can send from port 0.
        const reply = batch.port(index) === 0 ? undefined : answer(batch.packet(index), sender);
        if (reply !== undefined) batch.reply(index, reply);
      }
      batch.send(fd);
      return count === BATCH.size;
    },
    send: (reply, to) => sendFrom(fd, reply, to),
  };
}
