import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/**
 * Holds `file`, made when missing, against every other process and every other caller in this one, until the result
 * is closed or the process ends, however it ends; undefined when it is held already.
 *
 * It is SQLite's exclusive lock, that is an fcntl lock of the kernel: it holds across network and mount namespaces
 * (an abstract socket would not), no child process inherits it, and Node has no other call that locks a file.
 */
export function takeLock(file: string): DatabaseSync | undefined {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}
