import { isDeepStrictEqual } from 'node:util';
import { type Fact, type FactChange, type FactKey, factKey } from './fact.ts';

/** Hears of each change after it has taken place; what is put again unchanged is no change. Must not throw. */
export interface FactObserver {
  put(fact: Fact): void;
  /** @param fact as it was put. */
  drop(fact: Fact): void;
}

/** All that the resolver process knows. */
export class Facts implements Iterable<Fact> {
  readonly #facts = new Map<FactKey, Fact>();
  readonly #observers: readonly FactObserver[];
  /** While everything is told anew: what has not been told yet. */
  #untold: Set<FactKey> | undefined;

  constructor(observers: readonly FactObserver[]) {
    this.#observers = observers;
  }

  get size(): number {
    return this.#facts.size;
  }

  [Symbol.iterator](): Iterator<Fact> {
    return this.#facts.values();
  }

  apply(change: FactChange): void {
    if (change.op === 'drop') this.#drop(change.key);
    else this.#put(change.fact);
  }

  /** What was known once: counts where nothing newer is known, and while everything is told anew, until its end. */
  recall(fact: Fact): void {
    const key = factKey(fact);
    if (this.#facts.has(key)) return;
    this.#put(fact);
    this.#untold?.add(key);
  }

  /** What follows is everything there is; nothing is forgotten before its end. */
  beginSync(): void {
    this.#untold = new Set(this.#facts.keys());
  }

  /** What was not told since `beginSync` is forgotten. */
  endSync(): void {
    const untold = this.#untold ?? [];
    this.#untold = undefined;
    for (const key of untold) this.#drop(key);
  }

  #put(fact: Fact): void {
    const key = factKey(fact);
    this.#untold?.delete(key);
    if (isDeepStrictEqual(this.#facts.get(key), fact)) return;
    this.#facts.set(key, fact);
    for (const observer of this.#observers) observer.put(fact);
  }

  #drop(key: FactKey): void {
    this.#untold?.delete(key);
    const fact = this.#facts.get(key);
    if (fact === undefined) return;
    this.#facts.delete(key);
    for (const observer of this.#observers) observer.drop(fact);
  }
}
