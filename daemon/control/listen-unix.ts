import { chmodSync, chownSync, existsSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { Conflict, errorMessage, InvalidArgument, Unavailable } from '../../core/errors.ts';

/** sun_path of include/uapi/linux/un.h is 108 bytes with its closing zero. */
const MAX_SOCKET_PATH = 107;

/**
 * Makes a server listen on a Unix socket that only its owner may open (mode 0600), or also the members of `group`
 * where that group exists (0660). A socket file that nobody listens on any more is replaced.
 * @throws {InvalidArgument} when the path is too long.
 * @throws {Conflict} when another process answers there, or what is there is not a socket.
 * @throws {Unavailable} when the kernel refuses, with its reason.
 */
export async function listenUnix(server: Server, path: string, group: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new InvalidArgument(`socket path ${path} is over ${MAX_SOCKET_PATH} bytes`, { path });
  }
  await removeStale(path);
  await bind(server, path);
  const gid = groupId(group);
  if (gid !== undefined) {
    chownSync(path, -1, gid);
    chmodSync(path, 0o660);
  }
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Conflict(`${path} exists and is not a socket: move it away`, { path });
  if (await answers(path)) throw new Conflict(`another process answers on ${path}`, { path });
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** Node binds within listen(), so the umask is changed for that call alone and the socket is never open to others. */
function bind(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: Error) =>
    reject(new Unavailable(`listen on ${path}: ${errorMessage(error)}`, { path }, { cause: error }));
  server.once('error', fail);
  const umask = process.umask(0o177);
  try {
    server.listen(path, () => {
      server.off('error', fail);
      resolve();
    });
  } finally {
    process.umask(umask);
  }
  return promise;
}

/** Looks in /etc/group only: the group of a system daemon is a local one. */
function groupId(name: string): number | undefined {
  if (!existsSync('/etc/group')) return undefined;
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [entry, , gid] = line.split(':');
    if (entry === name && gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  }
  return undefined;
}
