import { setTimeout as sleep } from 'node:timers/promises';
import { Conflict, errorMessage } from '../../core/errors.ts';
import type { StoreEvent } from '../../core/ports.ts';
import type { StoreLog } from '../log.ts';
import { isInPast, restored } from './anchor.ts';
import { type KeyChange, toEntry, type WatchAnswer } from './answer.ts';
import type { Gateway } from './gateway.ts';
import type { History } from './history.ts';
import { isPassing, readRevision, WatchSession } from './watch-session.ts';

const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** Beats a stream may lag, when streams begun afresh keep showing that there was nothing to see. */
const MAX_PATIENCE = 8;

export interface WatchOptions {
  readonly gateway: Gateway;
  readonly history: History;
  readonly log: StoreLog;
  /** Every key watched begins with it. */
  readonly prefix: Buffer;
  /** Bytes of it that are not part of the store's keys. */
  readonly hidden: number;
  readonly after: bigint;
  /** Revision of the last change under the prefix that was made from here, if that is known. */
  readonly changed: () => bigint;
  /** `history.epoch` when `after` was read. */
  readonly epoch: number;
  /** The last change up to `after`, if it is known. */
  readonly anchor: KeyChange | undefined;
}

/** Where the next stream has to go on. */
interface Position {
  readonly revision: bigint;
  /** The last change seen, at or before `revision`. */
  readonly anchor: KeyChange | undefined;
}

/**
 * Changes after a revision, in order, each once, over as many streams as it takes, until `signal` aborts or the
 * gateway closes. While etcd does not answer it waits; `Gateway.contact` tells.
 * @throws {Conflict} `compacted` or `restored`: list, and watch from there.
 * @throws {InvalidArgument} when etcd denies it to this user.
 */
export async function* watchChanges(
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<StoreEvent, void, undefined> {
  const ends = AbortSignal.any([signal, options.gateway.closing]);
  const watch = new Watch(options, ends);
  while (!ends.aborted) {
    try {
      yield* watch.oneSession();
    } catch (error) {
      if (ends.aborted) return;
      if (!isPassing(error)) throw error;
      options.log.warn({ err: errorMessage(error) }, 'watch of the store broke off; trying again');
    }
    await watch.pause();
  }
}

class Watch {
  readonly #options: WatchOptions;
  readonly #ends: AbortSignal;
  #pauseMs = MIN_PAUSE_MS;
  #position: Position;
  #patience = 1;
  #first = true;
  /** Changes of a revision of which more are to come. */
  #fragments: KeyChange[] = [];
  /** Changes came since the last stream began. */
  #fruitful = false;

  constructor(options: WatchOptions, ends: AbortSignal) {
    this.#options = options;
    this.#ends = ends;
    this.#position = { revision: options.after, anchor: options.anchor };
  }

  /** Changes as long as one stream lasts. */
  async *oneSession(): AsyncGenerator<StoreEvent, void, undefined> {
    const session = await orAborted(this.#open(), this.#ends);
    if (session === undefined) return;
    const stop = () => session.end('watch ended');
    this.#ends.addEventListener('abort', stop, { once: true });
    try {
      for await (const answer of session.answers()) {
        this.#pauseMs = MIN_PAUSE_MS;
        for (const event of this.#take(answer)) {
          if (this.#ends.aborted) return;
          yield event;
        }
      }
      this.#ended(session);
    } finally {
      this.#ends.removeEventListener('abort', stop);
      stop();
    }
  }

  /** Longer from time to time, until a stream gives something. */
  async pause(): Promise<void> {
    const ms = this.#pauseMs;
    this.#pauseMs = Math.min(2 * ms, MAX_PAUSE_MS);
    try {
      await sleep(ms, undefined, { signal: this.#ends });
    } catch (error) {
      if (!this.#ends.aborted) throw error;
    }
  }

  async #open(): Promise<WatchSession> {
    const { gateway, history, prefix, epoch, after, changed } = this.#options;
    const { revision, anchor } = this.#position;
    await readRevision(gateway, history, prefix);
    if (history.epoch !== epoch) throw restored(revision);
    let start = revision + 1n;
    if (!this.#first && anchor !== undefined) {
      if (!(await isInPast(gateway, anchor))) {
        history.changed();
        throw restored(after);
      }
      // From the change that was compared on, not from the later revision of a list: the past between them was not.
      start = anchor.stored.revision + 1n;
    }
    this.#first = false;
    this.#fragments = [];
    this.#fruitful = false;
    return WatchSession.open({ gateway, history, prefix, start, changed, patience: this.#patience });
  }

  /** @throws {Conflict} */
  *#take(answer: WatchAnswer): Generator<StoreEvent, void, undefined> {
    const { after, hidden } = this.#options;
    if (answer.canceled) throw compacted(this.#position.revision, answer.compactRevision - 1n);
    this.#fragments.push(...answer.changes);
    if (answer.fragment) return;
    const changes = this.#fragments;
    this.#fragments = [];
    const last = changes.at(-1);
    if (last === undefined) return;
    // There was none when the list that gave this position was read.
    if (changes.some(({ stored }) => stored.revision <= this.#position.revision)) throw restored(after);
    this.#position = { revision: last.stored.revision, anchor: last };
    this.#fruitful = true;
    for (const { type, stored } of changes) {
      const entry = toEntry(stored, hidden);
      if (entry !== undefined) yield { type, entry };
    }
  }

  #ended(session: WatchSession): void {
    if (this.#ends.aborted) return;
    this.#options.log.info(
      { reason: session.ending },
      'watch stream of the store ended; going on with another',
    );
    if (this.#fruitful) this.#patience = 1;
    else if (session.lagged) this.#patience = Math.min(2 * this.#patience, MAX_PATIENCE);
  }
}

function compacted(after: bigint, floor: bigint): Conflict {
  return new Conflict(
    `watch after revision ${after}: compacted, changes are known after revision ${floor} only; list again`,
    { reason: 'compacted', after: String(after), floor: String(floor) },
  );
}

/** What `opening` gives, unless `signal` aborts first; then what it gives is ended as soon as it comes. */
async function orAborted(
  opening: Promise<WatchSession>,
  signal: AbortSignal,
): Promise<WatchSession | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const session = await Promise.race([opening, aborted.promise]);
    if (session !== undefined && !signal.aborted) return session;
    opening.then(
      (late) => late.end('watch ended'),
      // Nobody waits for it any more.
      () => undefined,
    );
    return undefined;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
