import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, Unavailable, WeftError } from '../../core/errors.ts';
import { takeLock } from '../exclusive-lock.ts';
import { setAsideForeignWal } from './foreign-wal.ts';

/** `weft` in ASCII, in the file's header (https://sqlite.org/fileformat2.html section 1.3.12). */
const APPLICATION_ID = 0x77656674n;
const SCHEMA_VERSION = 1n;

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

const SCHEMA = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    base TEXT NOT NULL
  ) STRICT;
  CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

export interface OpenDatabase {
  readonly db: DatabaseSync;
  /** Close it after `db`: the file is this process's alone until then. */
  readonly lock: DatabaseSync;
}

/**
 * Opens or makes the database file, mode 0600, in a directory made with mode 0700 when missing; for this process
 * alone, so that nothing else changes what weftd holds in memory.
 * @param warn told when a left-over write-ahead log that belongs to another file was set aside.
 * @throws {Unavailable} saying what to do: the file is damaged, not weft's, from a newer weft, or in use.
 */
export function openDatabase(path: string, warn: (message: string) => void): OpenDatabase {
  let lock: DatabaseSync | undefined;
  let db: DatabaseSync | undefined;
  try {
    makeDirectory(dirname(path));
    lock = takeLock(`${path}-lock`);
    if (lock === undefined) throw new Unavailable(`open store ${path}: it is open already`, { path });
    makeFile(path);
    setAsideForeignWal(path, warn);
    db = new DatabaseSync(path, { readBigInts: true, timeout: 0 });
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    prepareSchema(db, path);
    return { db, lock };
  } catch (error) {
    db?.close();
    lock?.close();
    throw storeError(error, path, 'open');
  }
}

function makeDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) syncDirectory(dirname(made));
}

function makeFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  // A restored copy may have come with the mode of the medium it was kept on.
  chmodSync(path, 0o600);
}

/** Makes new names in a directory survive a loss of power. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function prepareSchema(db: DatabaseSync, path: string): void {
  const version = pragma(db, 'user_version');
  const owner = pragma(db, 'application_id');
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'];
  if (tables === 0n && owner === 0n && version === 0n) {
    // Before WAL is switched on, so that the main file has the tables from the first moment on.
    db.exec(`BEGIN EXCLUSIVE; ${SCHEMA}
      INSERT INTO meta VALUES (1, 0, '${randomUUID()}', '');
      PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  } else if (owner !== APPLICATION_ID) {
    throw new Unavailable(`store ${path} is an SQLite file, but not weft's: give another --state-dir`, {
      path,
    });
  } else if (version !== SCHEMA_VERSION) {
    throw new Unavailable(
      `store ${path} has schema ${version}, this weft knows ${SCHEMA_VERSION}: install the weft that wrote it, or put back a backup made before`,
      { path, version: Number(version) },
    );
  }
  const check = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (check !== 'ok') throw damaged(path, String(check));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
}

function pragma(db: DatabaseSync, name: 'user_version' | 'application_id'): unknown {
  return db.prepare(`PRAGMA ${name}`).get()?.[name];
}

function damaged(path: string, reason: string, options?: ErrorOptions): Unavailable {
  return new Unavailable(
    `store ${path} is damaged (${reason}): stop weftd, move ${path} and ${path}-wal away, and put back a backup; without one weftd starts empty and networks must be created again`,
    { path },
    options,
  );
}

/**
 * What anything thrown by node:sqlite means to whoever runs weftd.
 * @param doing `open`, `commit`, …
 */
export function storeError(error: unknown, path: string, doing: string): WeftError {
  if (error instanceof WeftError) return error;
  const options = { cause: error };
  const reason = errorMessage(error);
  switch (resultCode(error)) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(path, reason, options);
    case SQLITE_BUSY:
      return new Unavailable(`${doing} store ${path}: another process has it open`, { path }, options);
    case SQLITE_FULL:
      return new Unavailable(`${doing} store ${path}: no space left on its file system`, { path }, options);
    default:
      return new Unavailable(`${doing} store ${path}: ${reason}`, { path }, options);
  }
}

/** Primary result code (https://sqlite.org/rescode.html); undefined when the error is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}
