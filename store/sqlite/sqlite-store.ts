import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync, type StatementSync } from 'node:sqlite';
import { AlreadyExists, Conflict, Unavailable } from '../../core/errors.ts';
import type { Entry, Store, StoreEvent, Txn } from '../../core/ports.ts';
import { ChangeFeed } from '../change-feed.ts';
import { checkTxn } from '../txn.ts';
import { type OpenDatabase, openDatabase, storeError, syncDirectory } from './database.ts';

/** Transactions written in one event-loop turn at most, so that a flood does not hold up the turn. */
const BATCH = 128;
/** The write-ahead log is folded into the main file when it is this long. */
const CHECKPOINT_BYTES = 1 << 20;
/** Pages copied in one step of a backup: the whole file. */
const ALL_PAGES = 0x7fff_ffff;
const NOTHING = new Uint8Array();

export interface SqliteStoreOptions {
  /** The database file, `/var/lib/weft/weft.db`. */
  readonly path: string;
  /** Told in one sentence when something was repaired on the way. */
  readonly warn?: (message: string) => void;
}

interface Pending {
  readonly txn: Txn;
  readonly resolve: (revision: bigint) => void;
  readonly reject: (error: Error) => void;
}

type Outcome =
  | { readonly revision: bigint; readonly events: readonly StoreEvent[] }
  | { readonly error: Error };

interface Statements {
  readonly list: StatementSync;
  readonly revisionOf: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly advance: StatementSync;
  readonly advanceFresh: StatementSync;
}

/**
 * Opens the embedded store, making file (0600) and directory (0700) when missing.
 * @throws {Unavailable} saying what to do: damaged, from a newer weft, not weft's, in use, no permission.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const open = openDatabase(options.path, options.warn ?? (() => {}));
  try {
    return new SqliteStore(open, options.path);
  } catch (error) {
    open.db.close();
    open.lock.close();
    throw storeError(error, options.path, 'open');
  }
}

/**
 * The `Store` port on one SQLite file. All commits of one event-loop turn become one SQLite transaction and share its
 * fsync; each keeps its own outcome. Leases never end here: the only host is this one.
 */
export class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #path: string;
  readonly #sql: Statements;
  readonly #feed: ChangeFeed;
  #queue: Pending[] = [];
  #revision: bigint;
  /** No commit since the write-ahead log was last emptied. */
  #freshLog = true;
  /** Whether commits sync the log: see `#waitForDisk`. */
  #waits = true;
  /** Commits wait while this is pending: SQLite copies a quiet file only. */
  #copying: Promise<unknown> | undefined;

  constructor({ db, lock }: OpenDatabase, path: string) {
    this.#db = db;
    this.#lock = lock;
    this.#path = path;
    this.#sql = prepare(db);
    this.#revision = BigInt(String(db.prepare('SELECT revision FROM meta').get()?.['revision']));
    this.#feed = new ChangeFeed(this.#revision);
    this.#checkpoint(0);
  }

  async list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: bigint }> {
    this.#assertOpen();
    // No byte of UTF-8 is 0xff, so this is above every key that begins with the prefix.
    const end = Buffer.concat([Buffer.from(prefix), Buffer.of(0xff)]);
    try {
      return { entries: this.#sql.list.all(prefix, end).map(decodeEntry), revision: this.#revision };
    } catch (error) {
      throw storeError(error, this.#path, 'list');
    }
  }

  async commit(txn: Txn): Promise<bigint> {
    this.#assertOpen();
    checkTxn(txn);
    return new Promise((resolve, reject) => {
      if (this.#queue.push({ txn, resolve, reject }) === 1) setImmediate(() => this.#flush());
    });
  }

  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    return this.#feed.watch(prefix, after, signal);
  }

  /**
   * Writes a consistent copy to a new file (0600) while the store goes on working. To restore it: stop weftd, put the
   * copy in the place of the database file, start weftd.
   * Commits wait until it is done.
   * @throws {AlreadyExists} when `path` exists.
   * @throws {Conflict} when another backup is being taken.
   */
  async backup(path: string): Promise<void> {
    this.#assertOpen();
    if (existsSync(path)) throw new AlreadyExists(`backup to ${path}: the file exists`, { path });
    if (this.#copying !== undefined) throw new Conflict(`backup to ${path}: another backup is being taken`);
    const partial = `${path}.partial`;
    try {
      closeSync(openSync(partial, 'w', 0o600));
      this.#copying = backup(this.#db, partial, { rate: ALL_PAGES });
      await this.#copying;
      finishCopy(partial);
      renameSync(partial, path);
      syncDirectory(dirname(path));
    } catch (error) {
      rmSync(partial, { force: true });
      throw storeError(error, this.#path, `back up to ${path} from`);
    } finally {
      this.#copying = undefined;
      setImmediate(() => this.#flush());
    }
  }

  /** Writes what is still queued, ends every watch and closes the file. Repeating is safe. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#copying]);
    if (!this.#db.isOpen) return;
    this.#copying = undefined;
    while (this.#queue.length > 0) this.#flush();
    this.#feed.close();
    this.#db.close();
    this.#lock.close();
  }

  #assertOpen(): void {
    if (!this.#db.isOpen) throw new Unavailable(`store ${this.#path} is closed`, { path: this.#path });
  }

  #flush(): void {
    if (this.#copying !== undefined || !this.#db.isOpen) return;
    const batch = this.#queue.splice(0, BATCH);
    if (batch.length === 0) return;
    if (this.#queue.length > 0) setImmediate(() => this.#flush());
    const outcomes = this.#write(batch);
    for (const [index, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ('error' in outcome) {
        reject(outcome.error);
      } else {
        this.#feed.publish(outcome.events);
        resolve(outcome.revision);
      }
    }
    this.#checkpoint(CHECKPOINT_BYTES);
  }

  /** One SQLite transaction for the batch; when that fails as a whole, nothing of it happened. */
  #write(batch: readonly Pending[]): readonly Outcome[] {
    const before = this.#revision;
    try {
      this.#waitForDisk(batch.some(({ txn }) => txn.durability !== 'process'));
      this.#db.exec('BEGIN IMMEDIATE');
      const outcomes = batch.map(({ txn }) => this.#writeOne(txn));
      if (this.#revision !== before) this.#advance();
      this.#db.exec('COMMIT');
      if (this.#revision !== before) this.#freshLog = false;
      return outcomes;
    } catch (error) {
      this.#revision = before;
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      const failure = storeError(error, this.#path, 'commit to');
      return batch.map(() => ({ error: failure }));
    }
  }

  /**
   * FULL syncs the write-ahead log at every commit, NORMAL leaves that to the kernel until the next FULL commit or
   * checkpoint (sqlite.org/pragma.html: synchronous). What was written is safe from the end of the process either way.
   */
  #waitForDisk(wait: boolean): void {
    if (wait === this.#waits) return;
    this.#db.exec(`PRAGMA synchronous = ${wait ? 'FULL' : 'NORMAL'}`);
    this.#waits = wait;
  }

  #writeOne(txn: Txn): Outcome {
    const refused = this.#unmet(txn);
    if (refused !== undefined) return { error: refused };
    const revision = this.#revision + 1n;
    this.#db.exec('SAVEPOINT one');
    try {
      const events = this.#change(txn, revision);
      this.#db.exec('RELEASE one');
      if (events.length > 0) this.#revision = revision;
      return { revision: this.#revision, events };
    } catch (error) {
      // Some errors end the whole SQLite transaction; then the batch is lost, not this one alone.
      if (!this.#db.isTransaction) throw error;
      this.#db.exec('ROLLBACK TO one; RELEASE one');
      return { error: storeError(error, this.#path, 'commit to') };
    }
  }

  #unmet(txn: Txn): Conflict | undefined {
    for (const { key, revision } of txn.expect ?? []) {
      const found = this.#sql.revisionOf.get(key)?.['revision'] ?? 0n;
      if (found !== revision) {
        return new Conflict(`${key} has revision ${found}, expected ${revision}`, { key });
      }
    }
    return undefined;
  }

  #change(txn: Txn, revision: bigint): readonly StoreEvent[] {
    const events: StoreEvent[] = [];
    for (const { key, value } of txn.put ?? []) {
      // The caller may reuse its buffer; watchers get what was stored.
      const stored = Uint8Array.from(value);
      this.#sql.put.run(key, stored, revision);
      events.push({ type: 'put', entry: { key, value: stored, revision } });
    }
    for (const key of txn.delete ?? []) {
      if (this.#sql.remove.run(key).changes === 0n) continue;
      events.push({ type: 'delete', entry: { key, value: NOTHING, revision } });
    }
    return events;
  }

  #advance(): void {
    if (this.#freshLog) this.#sql.advanceFresh.run(this.#revision, randomUUID());
    else this.#sql.advance.run(this.#revision);
  }

  #checkpoint(overBytes: number): void {
    const length = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (length <= overBytes) return;
    // Refused while a backup reads; the next commit tries again.
    if (this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0n) this.#freshLog = true;
  }
}

function prepare(db: DatabaseSync): Statements {
  return {
    list: db.prepare(
      'SELECT key, value, revision FROM entry WHERE key >= ? AND key < CAST(? AS TEXT) ORDER BY key',
    ),
    revisionOf: db.prepare('SELECT revision FROM entry WHERE key = ?'),
    put: db.prepare('INSERT OR REPLACE INTO entry VALUES (?, ?, ?)'),
    remove: db.prepare('DELETE FROM entry WHERE key = ?'),
    advance: db.prepare('UPDATE meta SET revision = ?'),
    advanceFresh: db.prepare('UPDATE meta SET revision = ?, base = stamp, stamp = ?'),
  };
}

function decodeEntry(row: Record<string, unknown>): Entry {
  const { key, value, revision } = row;
  if (typeof key !== 'string' || !(value instanceof Uint8Array) || typeof revision !== 'bigint') {
    throw new Unavailable('an entry of the store has an unexpected type');
  }
  return { key, value, revision };
}

/** A stamp of its own tells the copy from the file it was made of (see foreign-wal.ts). */
function finishCopy(path: string): void {
  const db = new DatabaseSync(path);
  try {
    db.prepare('UPDATE meta SET stamp = ?').run(randomUUID());
  } finally {
    db.close();
  }
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
