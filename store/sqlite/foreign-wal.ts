import { constants, copyFileSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

interface Stamps {
  /** Changes with the first commit after each checkpoint. */
  readonly stamp: string;
  /** The stamp that the main file had when the write-ahead log began. */
  readonly base: string;
}

/**
 * Makes it safe to put an older database file back after a crash. SQLite would replay the write-ahead log that the
 * crash left behind over the older file and so mix pages of two states. Every log of ours contains the stamp of the
 * main file it began with; a log that began with another file is renamed and the older state stands.
 */
export function setAsideForeignWal(path: string, warn: (message: string) => void): void {
  const wal = `${path}-wal`;
  if (sizeOf(wal) === 0 || sizeOf(path) === 0) return;
  const main = readMain(path);
  if (main === undefined) return;
  const replayed = readCopy(path, wal);
  // A crash during a checkpoint may have left the new stamp in the main file already.
  if (main.stamp === replayed.base || main.stamp === replayed.stamp) return;
  const aside = `${wal}.foreign-${main.stamp.slice(0, 8)}`;
  renameSync(wal, aside);
  rmSync(`${path}-shm`, { force: true });
  warn(
    `store ${path} was replaced while it had a write-ahead log of another state; the log is kept as ${aside}`,
  );
}

/** Primary result codes of SQLite: the file is damaged, or is no database. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * The main file without its log; undefined when it cannot be read by itself. A kill during a checkpoint leaves it so,
 * with its own log beside it that has every page again; a file that was put back is whole.
 */
function readMain(path: string): Stamps | undefined {
  try {
    return readStamps(pathToFileURL(path), true);
  } catch (error) {
    const code = (error as { readonly errcode?: number }).errcode ?? 0;
    if ((code & 0xff) === SQLITE_CORRUPT || (code & 0xff) === SQLITE_NOTADB) return undefined;
    throw error;
  }
}

/** Reads the state with the log replayed from a copy: closing the original would write the log into it. */
function readCopy(path: string, wal: string): Stamps {
  const directory = mkdtempSync(`${path}-check-`);
  try {
    const copy = join(directory, 'copy');
    copyFileSync(path, copy, constants.COPYFILE_FICLONE);
    copyFileSync(wal, `${copy}-wal`, constants.COPYFILE_FICLONE);
    return readStamps(pathToFileURL(copy), false);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function readStamps(url: URL, immutable: boolean): Stamps {
  if (immutable) url.searchParams.set('immutable', '1');
  const db = new DatabaseSync(url, { readOnly: immutable });
  try {
    const row = db.prepare('SELECT stamp, base FROM meta').get();
    return { stamp: String(row?.['stamp']), base: String(row?.['base']) };
  } finally {
    db.close();
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
