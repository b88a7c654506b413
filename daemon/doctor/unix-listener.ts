import { connect } from 'node:net';

/** What connect(2) says of a socket file. */
export type ListenerState = 'answers' | 'refused' | 'missing';

/**
 * Connects, sends nothing and hangs up.
 * @throws {Error} the system's, when it is for another reason that connecting fails, such as EACCES.
 */
export function probeListener(path: string): Promise<ListenerState> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('answers');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('refused');
      else if (error.code === 'ENOENT') resolve('missing');
      // A full queue: somebody listens.
      else if (error.code === 'EAGAIN') resolve('answers');
      else reject(error);
    });
  });
}
