import { chmod, lstat, mkdir, rename, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Conflict, InvalidArgument } from '../../core/errors.ts';

/** sizeof(sockaddr_un.sun_path) less the final zero (include/uapi/linux/un.h); engines from 29.4.1 check it too. */
const MAX_PATH_BYTES = 107;

/** Which file a name stands for, so that a successor's is not taken for ours. */
interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * The file of one plugin's Unix socket. A server binds `bindPath`; `publish` then moves it to `path`, with its
 * permissions right and in place of a dead daemon's, in one step. Closing the server does not remove `path`: it stays
 * until `remove`, so that an engine that dials meanwhile is refused, which it retries with the whole request.
 */
export class SocketFile {
  readonly path: string;
  readonly bindPath: string;
  #published: FileIdentity | undefined;

  /**
   * @param directory absolute path of the plugin directory.
   * @param name plugin name.
   * @throws {InvalidArgument} when the path is too long for a Unix socket.
   */
  constructor(directory: string, name: string) {
    this.path = join(directory, `${name}.sock`);
    // An engine that scans the directory in between takes this for the same plugin: it cuts off the extension.
    this.bindPath = join(directory, `${name}.new`);
    if (Buffer.byteLength(this.path) > MAX_PATH_BYTES) {
      throw new InvalidArgument(
        `plugin directory "${directory}" makes the socket path "${this.path}" longer than ${MAX_PATH_BYTES} bytes`,
        { field: 'plugin-dir' },
      );
    }
  }

  /**
   * Makes the directory (mode 0755) if it is missing and clears what an earlier bind left.
   * @throws {Conflict} when a process answers at `path`, or it is something other than a socket.
   */
  async prepare(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    for (const path of [this.path, this.bindPath]) await refuseLiving(path);
    await unlink(this.bindPath).catch(ignoreMissing);
  }

  /** Puts the socket bound at `bindPath` in its place, with mode 0660. */
  async publish(): Promise<void> {
    await chmod(this.bindPath, 0o660);
    await rename(this.bindPath, this.path);
    this.#published = await identityOf(this.path);
  }

  /** Removes `path` unless another process has put its own socket there. Repeating is safe. */
  async remove(): Promise<void> {
    const current = await identityOf(this.path);
    const ours = this.#published;
    this.#published = undefined;
    if (current === undefined || ours === undefined) return;
    if (current.dev === ours.dev && current.ino === ours.ino) await unlink(this.path).catch(ignoreMissing);
  }
}

async function refuseLiving(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Conflict(`"${path}" exists and is not a socket; remove it`, { path });
  if (await answers(path)) {
    throw new Conflict(`another process answers at "${path}"; is a weftd running already?`, { path });
  }
}

/** Whether a process listens: nothing else makes connect(2) on a socket file succeed or find a full queue. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

async function identityOf(path: string): Promise<FileIdentity | undefined> {
  return lstat(path, { bigint: true }).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
