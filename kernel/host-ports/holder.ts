import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { familyOf } from '../../core/address.ts';
import type { PortBinding } from '../../core/ports.ts';
import { idleSocketInodes } from './idle-sockets.ts';
import { type ProcSocket, procSocketReader } from './proc-net.ts';

const TCP_LISTEN = 10;
/** Processes looked into at the same time: enough to keep the thread pool busy, few enough to share it. */
const AT_ONCE = 8;

/**
 * Reads /proc for the process whose socket stands in the way of a binding; `nginx (pid 123)`. Never rejects for
 * processes that end meanwhile. Undefined when no socket is found, or none that this process may see.
 */
export async function findHolder(binding: PortBinding): Promise<string | undefined> {
  if (binding.protocol === 'sctp') return undefined;
  // A socket of [::] without IPV6_V6ONLY holds the port for IPv4 too, and stands in the other file.
  const files =
    familyOf(binding.ip) === 4 ? [binding.protocol, `${binding.protocol}6`] : [`${binding.protocol}6`];
  const sockets = (await Promise.all(files.map((file) => socketsIn(file, binding)))).flat();
  const inodes = sockets
    .filter((socket) => socket.inode !== 0)
    .sort((a, b) => Number(b.state === TCP_LISTEN) - Number(a.state === TCP_LISTEN))
    .map((socket) => socket.inode);
  if (inodes.length === 0 && binding.protocol === 'tcp') inodes.push(...(await idleSocketInodes(binding)));
  if (inodes.length > 0) return processWith(inodes);
  return sockets.length > 0 ? 'connections that are closing (TIME_WAIT)' : undefined;
}

async function socketsIn(file: string, binding: PortBinding): Promise<readonly ProcSocket[]> {
  const found: ProcSocket[] = [];
  const read = procSocketReader(binding.ip, binding.port);
  try {
    await using handle = await open(`/proc/net/${file}`);
    for await (const line of handle.readLines({ autoClose: false })) {
      const socket = read(line);
      if (socket !== undefined) found.push(socket);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return found;
}

async function processWith(inodes: readonly number[]): Promise<string | undefined> {
  const targets = new Map(inodes.map((inode, rank) => [`socket:[${inode}]`, rank]));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  let best: { readonly pid: string; readonly rank: number } | undefined;
  for (let i = 0; i < pids.length && best?.rank !== 0; i += AT_ONCE) {
    const chunk = pids.slice(i, i + AT_ONCE);
    const ranks = await Promise.all(chunk.map((pid) => rankOf(pid, targets)));
    for (const [index, rank] of ranks.entries()) {
      const pid = chunk[index];
      if (pid !== undefined && rank !== undefined && rank < (best?.rank ?? Infinity)) best = { pid, rank };
    }
  }
  return best === undefined ? undefined : describe(best.pid);
}

/** The place in `targets` of the first of them that the process has open. */
async function rankOf(pid: string, targets: ReadonlyMap<string, number>): Promise<number | undefined> {
  const fds = await orGone(readdir(`/proc/${pid}/fd`), []);
  let best: number | undefined;
  for (const fd of fds) {
    const rank = targets.get(await orGone(readlink(`/proc/${pid}/fd/${fd}`), ''));
    if (rank !== undefined && rank < (best ?? Infinity)) best = rank;
    if (best === 0) break;
  }
  return best;
}

/** Named by its program: the name in `comm` is that of a thread, and programs such as node rename theirs. */
async function describe(pid: string): Promise<string> {
  const program = await orGone(readlink(`/proc/${pid}/exe`), '');
  const name = basename(program.replace(/ \(deleted\)$/, ''));
  return `${name || (await orGone(readFile(`/proc/${pid}/comm`, 'utf8'), '')).trim()} (pid ${pid})`;
}

async function orGone<T>(reading: Promise<T>, instead: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isGone(error)) return instead;
    throw error;
  }
}

/** ENOENT and ESRCH: the process or descriptor ended; EACCES and EPERM: a process weft may not look into. */
function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code);
}
