import type { Fact, FactObserver } from '../feed/index.ts';
import type { DiscoveryLog } from '../server/index.ts';
import { Journal } from '../store/index.ts';

/** Keeps the journal, from the moment on that it is this process' to keep. */
export class JournalKeeper implements FactObserver, AsyncDisposable {
  readonly #path: string;
  readonly #log: DiscoveryLog;
  #journal: Journal | undefined;

  constructor(path: string, log: DiscoveryLog) {
    this.#path = path;
    this.#log = log;
  }

  /** What is on disk. */
  async read(): Promise<readonly Fact[]> {
    return (await Journal.open(this.#path, this.#log)).facts();
  }

  /** Nobody else writes any more. @param facts what is known. */
  keep(facts: Iterable<Fact>): void {
    this.#journal ??= Journal.anew(this.#path, facts, this.#log);
  }

  put(fact: Fact): void {
    this.#journal?.put(fact);
  }

  drop(fact: Fact): void {
    this.#journal?.drop(fact);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal?.[Symbol.asyncDispose]();
  }
}
