import type { KernelObject } from '../../core/kernel-objects.ts';

/** One repair: what was found different from intent and what was done. */
export interface Repair {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly kind: KernelObject['kind'] | 'docker-user';
  readonly key: string;
  /** What brought the difference to light. */
  readonly cause: string;
  readonly action: 'created' | 'replaced' | 'deleted';
}

const KEPT = 1000;

/** Who is told, for metrics, events and the log. */
export interface DriftObserver {
  repaired(repair: Repair): void;
  /** So many objects of a kind were made when weftd started. */
  recovered(kind: Repair['kind'], count: number): void;
}

/** The last repairs in full, and how many there were of each kind since the start. */
export class DriftLog {
  readonly #repairs: Repair[] = [];
  readonly #totals = new Map<string, number>();
  readonly #observer: DriftObserver;

  constructor(observer: DriftObserver) {
    this.#observer = observer;
  }

  add(repair: Repair): void {
    this.#repairs.push(repair);
    if (this.#repairs.length > KEPT) this.#repairs.shift();
    this.#count(repair.kind, repair.cause, 1);
    this.#observer.repaired(repair);
  }

  /**
   * What the first comparison changed: that of a host that was restarted or is new to weft, not of one that drifted.
   * Counted by kind; telling of each of many thousand entries would take longer than making them.
   */
  recovered(kinds: readonly Repair['kind'][]): void {
    const counts = new Map<Repair['kind'], number>();
    for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    for (const [kind, count] of counts) {
      this.#count(kind, 'start', count);
      this.#observer.recovered(kind, count);
    }
  }

  #count(kind: Repair['kind'], cause: string, by: number): void {
    const key = `${kind} ${cause}`;
    this.#totals.set(key, (this.#totals.get(key) ?? 0) + by);
  }

  /** Oldest first. */
  repairs(): readonly Repair[] {
    return this.#repairs;
  }

  totals(): readonly { readonly kind: string; readonly cause: string; readonly count: number }[] {
    return [...this.#totals].map(([key, count]) => {
      const [kind = '', ...cause] = key.split(' ');
      return { kind, cause: cause.join(' '), count };
    });
  }
}
