import type { FactChange } from './fact.ts';
import type { Facts } from './facts.ts';
import { isChange } from './schema.ts';
import { decoder, list, tagged, text } from './shape.ts';

/**
 * What weftd tells the resolver process over a connection, in this order: `sync`, `changes` with all there is, `synced`,
 * then `changes` as they come. `session` is the same for all of one connection, so that what is left of an earlier
 * one is told apart.
 */
export type FeedMessage =
  | { readonly type: 'sync' | 'synced'; readonly session: string }
  | { readonly type: 'changes'; readonly session: string; readonly changes: readonly FactChange[] };

/** How many changes one message carries at most: one takes well under a millisecond to apply. */
export const CHANGES_PER_MESSAGE = 50;

const session = text((value) => value.length > 0 && value.length <= 64);

/** @throws {DecodeError} when it is no message. */
export const decodeFeedMessage = decoder<FeedMessage>(
  tagged('type', {
    sync: { session },
    synced: { session },
    changes: { session, changes: list(isChange, CHANGES_PER_MESSAGE) },
  }),
  'a message of weftd to its resolver',
);

/** Takes in what weftd tells. While it tells everything anew, what was known before is still answered with. */
export class Feed {
  readonly #facts: Facts;
  #session: string | undefined;
  #synced = false;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** Whether all that weftd knows has been told once. */
  get isSynced(): boolean {
    return this.#synced;
  }

  receive(message: FeedMessage): void {
    if (message.type === 'sync') {
      this.#session = message.session;
      this.#synced = false;
      this.#facts.beginSync();
      return;
    }
    if (message.session !== this.#session) return;
    if (message.type === 'changes') {
      for (const change of message.changes) this.#facts.apply(change);
      return;
    }
    this.#synced = true;
    this.#facts.endSync();
  }
}

/** The messages that tell everything: the first ones of a session. */
export function* syncMessages(facts: Iterable<FactChange>, id: string): Generator<FeedMessage> {
  yield { type: 'sync', session: id };
  let changes: FactChange[] = [];
  for (const change of facts) {
    changes.push(change);
    if (changes.length < CHANGES_PER_MESSAGE) continue;
    yield { type: 'changes', session: id, changes };
    changes = [];
  }
  if (changes.length > 0) yield { type: 'changes', session: id, changes };
  yield { type: 'synced', session: id };
}
