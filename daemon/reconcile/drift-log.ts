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

/** The last repairs in full, and how many there were of each kind since the start. */
export class DriftLog {
  readonly #repairs: Repair[] = [];
  readonly #totals = new Map<string, number>();
  readonly #observe: (repair: Repair) => void;

  /** @param observe is told each repair, for metrics and events. */
  constructor(observe: (repair: Repair) => void) {
    this.#observe = observe;
  }

  add(repair: Repair): void {
    this.#repairs.push(repair);
    if (this.#repairs.length > KEPT) this.#repairs.shift();
    const key = `${repair.kind} ${repair.cause}`;
    this.#totals.set(key, (this.#totals.get(key) ?? 0) + 1);
    this.#observe(repair);
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
