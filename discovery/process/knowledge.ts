import { type FactObserver, Facts, Feed, type FeedMessage } from '../feed/index.ts';
import type { DiscoveryLog } from '../server/index.ts';
import { JournalKeeper } from './journal-keeper.ts';
import type { Succession } from './succession.ts';

/** For so long what weftd knows is waited for before what is on disk is read: weftd has just started the process. */
const IN_STEP_MS = 200;

export interface KnowledgeParts {
  /** Path of the journal. */
  readonly journal: string;
  readonly succession: Succession;
  readonly log: DiscoveryLog;
  readonly observers: readonly FactObserver[];
  /** Answers by what is known now; resolves when it does so in every sandbox. */
  readonly begin: () => Promise<void>;
  /** All that weftd told in this session is known and answered with. */
  readonly onInStep: (session: string) => void;
}

/** What the process knows: what weftd tells, or what is on disk where that does not come in time. */
export class Knowledge implements AsyncDisposable {
  readonly #parts: KnowledgeParts;
  readonly #journal: JournalKeeper;
  readonly #facts: Facts;
  readonly #feed: Feed;
  readonly #behind = setTimeout(() => void this.#recall(), IN_STEP_MS);

  constructor(parts: KnowledgeParts) {
    this.#parts = parts;
    this.#journal = new JournalKeeper(parts.journal, parts.log);
    this.#facts = new Facts([...parts.observers, this.#journal]);
    this.#feed = new Feed(this.#facts);
  }

  receive(message: FeedMessage): void {
    this.#feed.receive(message);
    if (message.type === 'synced' && this.#feed.isSynced) void this.#inStep(message.session);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#behind);
    await this.#journal[Symbol.asyncDispose]();
  }

  async #inStep(session: string): Promise<void> {
    clearTimeout(this.#behind);
    await this.#begin();
    this.#parts.onInStep(session);
  }

  async #recall(): Promise<void> {
    const onDisk = await this.#journal.read();
    // weftd may have told everything meanwhile, and what it did not tell is over.
    if (!this.#feed.isSynced) for (const fact of onDisk) this.#facts.recall(fact);
    await this.#begin();
  }

  async #begin(): Promise<void> {
    const { begin, succession } = this.#parts;
    await succession.turn;
    await begin();
    succession.whenAlone(() => this.#journal.keep(this.#facts));
  }
}
