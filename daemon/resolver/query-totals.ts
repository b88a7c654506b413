import type { SandboxKey } from '../../core/ids.ts';
import type { QueryCounts } from '../../discovery/index.ts';

/** Queries by what became of them, over all processes and sandboxes there have been. */
export class QueryTotals {
  readonly #totals = { local: 0, cached: 0, forwarded: 0, refused: 0, limited: 0, failed: 0 };
  readonly #last = new Map<SandboxKey, { readonly pid: number; readonly counts: QueryCounts }>();

  get totals(): QueryCounts {
    return { ...this.#totals };
  }

  /** What a sandbox has asked since its process serves it; undefined when nothing is known of it. */
  of(key: SandboxKey): QueryCounts | undefined {
    return this.#last.get(key)?.counts;
  }

  /** @param counts since the process `pid` serves the sandbox. */
  add(key: SandboxKey, pid: number, counts: QueryCounts): void {
    const last = this.#last.get(key);
    for (const outcome of OUTCOMES) {
      const before = last?.pid === pid ? last.counts[outcome] : 0;
      // Less than before: the sandbox's namespace was made anew.
      this.#totals[outcome] += counts[outcome] < before ? counts[outcome] : counts[outcome] - before;
    }
    this.#last.set(key, { pid, counts });
  }

  forget(key: SandboxKey): void {
    this.#last.delete(key);
  }
}

const OUTCOMES = ['local', 'cached', 'forwarded', 'refused', 'limited', 'failed'] as const;
