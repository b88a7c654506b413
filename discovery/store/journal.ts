import { type FileHandle, open, rename } from 'node:fs/promises';
import { errorMessage } from '../../core/errors.ts';
import { type Fact, type FactChange, type FactObserver, factKey } from '../feed/index.ts';
import type { DiscoveryLog } from '../server/index.ts';
import { JOURNAL_HEADER, readJournal } from './read-journal.ts';

/** The journal is written anew when it has this many lines more than twice the facts in it. */
const SPARE_LINES = 1000;
/** Lines made at one time, a few tenths of a millisecond; others are served in between. */
const BATCH = 200;

/**
 * What the resolver knows, on disk, so that it answers after a restart before weftd has told it anything. Lines are
 * appended shortly after each change; a crash loses the last ones, and weftd tells them again. Nothing is synced to
 * disk: after a crash of the machine its sandboxes are gone too.
 */
export class Journal implements FactObserver, AsyncDisposable {
  readonly #path: string;
  readonly #log: DiscoveryLog;
  readonly #facts = new Map<string, Fact>();
  #queue: FactChange[] = [];
  #file: FileHandle | undefined;
  #lines = 0;
  #writing: Promise<void> | undefined;

  private constructor(path: string, log: DiscoveryLog) {
    this.#path = path;
    this.#log = log;
  }

  /** Never rejects: a journal that cannot be read is begun anew, and the log says so. */
  static async open(path: string, log: DiscoveryLog): Promise<Journal> {
    const journal = new Journal(path, log);
    try {
      for (const change of await readJournal(path)) journal.#note(change);
    } catch (error) {
      journal.#facts.clear();
      log.warn({ path, error: errorMessage(error) }, 'the names on disk cannot be read; beginning with none');
    }
    return journal;
  }

  /** One of these facts, in place of what is on disk. */
  static anew(path: string, facts: Iterable<Fact>, log: DiscoveryLog): Journal {
    const journal = new Journal(path, log);
    for (const fact of facts) journal.#facts.set(factKey(fact), fact);
    journal.#work();
    return journal;
  }

  /** What was on disk, and what has come since. */
  facts(): readonly Fact[] {
    return [...this.#facts.values()];
  }

  put(fact: Fact): void {
    this.#change({ op: 'put', fact });
  }

  drop(fact: Fact): void {
    this.#change({ op: 'drop', key: factKey(fact) });
  }

  /** Resolves when all changes so far are in the file, or could not be written. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#close();
  }

  #note(change: FactChange): void {
    if (change.op === 'put') this.#facts.set(factKey(change.fact), change.fact);
    else this.#facts.delete(change.key);
  }

  #change(change: FactChange): void {
    this.#note(change);
    this.#queue.push(change);
    this.#work();
  }

  #work(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    try {
      do {
        if (this.#file === undefined || this.#lines > 2 * this.#facts.size + SPARE_LINES)
          await this.#rewrite();
        else await this.#append(this.#file, this.#queue.splice(0, BATCH));
      } while (this.#queue.length > 0);
    } catch (error) {
      // The file may end in half a line; the next change writes it anew.
      this.#queue = [];
      this.#log.warn({ path: this.#path, error: errorMessage(error) }, 'the names cannot be written to disk');
      await this.#close();
    }
  }

  async #rewrite(): Promise<void> {
    const facts = this.facts();
    this.#queue = [];
    await this.#close();
    const file = await open(`${this.#path}.new`, 'w', 0o600);
    try {
      await file.appendFile(`${JOURNAL_HEADER}\n`);
      this.#lines = 0;
      for (let at = 0; at < facts.length; at += BATCH) {
        const batch = facts.slice(at, at + BATCH);
        await this.#append(
          file,
          batch.map((fact) => ({ op: 'put', fact })),
        );
      }
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
  }

  async #append(file: FileHandle, changes: readonly FactChange[]): Promise<void> {
    await file.appendFile(changes.map((change) => `${JSON.stringify(change)}\n`).join(''));
    this.#lines += changes.length;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
