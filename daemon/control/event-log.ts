import type { EventView } from '../../core/control.ts';
import type { Clock } from '../../core/ports.ts';
import type { EventFilter } from './backend.ts';

/** What a publisher says; the log adds the id and the time. */
export type NewEvent = Omit<EventView, 'id' | 'time' | 'fields'> & Partial<Pick<EventView, 'fields'>>;

/** Events kept without `since` being asked for: what a person who starts to follow sees first. */
const RECENT = 20;

/**
 * The last events, in memory. A publisher never waits: every reader has a place in the ring, and one that falls a
 * whole ring behind gets a single `events.lost` event in place of what was overwritten.
 */
export class EventLog {
  readonly #ring: EventView[] = [];
  readonly #capacity: number;
  readonly #clock: Clock;
  /** Id of the next event. */
  #next = 1;
  #waiting: (() => void)[] = [];

  /** @param capacity events kept, at least 1. */
  constructor(clock: Clock, capacity = 1000) {
    this.#clock = clock;
    this.#capacity = Math.max(1, capacity);
  }

  /** Adds one event and wakes the readers. Constant time; never throws. */
  publish(event: NewEvent): EventView {
    const stamped: EventView = {
      ...event,
      fields: event.fields ?? {},
      id: this.#next,
      time: new Date(this.#clock.now()).toISOString(),
    };
    this.#ring[this.#next % this.#capacity] = stamped;
    this.#next++;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
    return stamped;
  }

  /**
   * Kept events in order, then new ones until `signal` aborts; ends then, without an error. What is published after
   * this call is delivered even if reading starts later.
   * @param filter `since` absent: starts with the last 20.
   */
  subscribe(signal: AbortSignal, filter: EventFilter = {}): AsyncGenerator<EventView, void, undefined> {
    const until = filter.follow === false ? this.#next : Number.POSITIVE_INFINITY;
    return this.#read(signal, this.#start(filter.since), until);
  }

  async *#read(signal: AbortSignal, from: number, until: number): AsyncGenerator<EventView, void, undefined> {
    let cursor = from;
    while (!signal.aborted && cursor < until) {
      const oldest = this.#oldest();
      if (cursor < oldest) {
        yield this.#lost(oldest - cursor, oldest);
        cursor = oldest;
        continue;
      }
      const event = cursor < this.#next ? this.#ring[cursor % this.#capacity] : undefined;
      if (event === undefined) {
        await this.#published(signal);
        continue;
      }
      cursor++;
      yield event;
    }
  }

  #oldest(): number {
    return Math.max(1, this.#next - this.#capacity);
  }

  #start(since: number | undefined): number {
    if (since === undefined) return Math.max(this.#oldest(), this.#next - RECENT);
    let cursor = this.#oldest();
    for (; cursor < this.#next; cursor++) {
      const event = this.#ring[cursor % this.#capacity];
      if (event !== undefined && Date.parse(event.time) >= since) break;
    }
    return cursor;
  }

  /** It carries the id of the event before the ones that follow, so that ids stay in order. */
  #lost(missed: number, oldest: number): EventView {
    return {
      id: oldest - 1,
      time: new Date(this.#clock.now()).toISOString(),
      kind: 'events.lost',
      text: `${missed} events were not delivered: this reader is too slow`,
      fields: { count: missed },
    };
  }

  /** Resolves at the next event or when `signal` aborts. */
  #published(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      signal.removeEventListener('abort', abort);
      resolve();
    };
    const abort = () => {
      this.#waiting = this.#waiting.filter((other) => other !== wake);
      resolve();
    };
    this.#waiting.push(wake);
    signal.addEventListener('abort', abort, { once: true });
    return promise;
  }
}
