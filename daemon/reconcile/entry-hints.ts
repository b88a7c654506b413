import { satisfies } from '../../core/diff.ts';
import { type KernelObject, keyOf, type ObjectKey } from '../../core/kernel-objects.ts';
import type { KernelHint } from '../../core/ports.ts';

/**
 * Neighbours and forwarding entries that were told of and are not as intent has them. There may be tens of thousands,
 * nearly all echoes of weft's own work, so an entry costs a look-up, and what was said of it last counts.
 */
export class EntryHints {
  readonly #wanted: (key: ObjectKey) => KernelObject | undefined;
  readonly #pending = new Map<ObjectKey, KernelHint>();

  constructor(wanted: (key: ObjectKey) => KernelObject | undefined) {
    this.#wanted = wanted;
  }

  /** Takes note of a hint. @returns whether its entry is not as wanted, as things are now. */
  add(hint: KernelHint): boolean {
    if (hint.entry === undefined) return false;
    const key = keyOf(hint.entry);
    if (this.#asWanted(key, hint)) {
      this.#pending.delete(key);
      return false;
    }
    this.#pending.set(key, hint);
    return true;
  }

  /** Links with entries that are not as wanted, and forgets them. */
  take(): ReadonlySet<string> {
    const links = new Set<string>();
    for (const [key, hint] of this.#pending) {
      if (hint.entry !== undefined && !this.#asWanted(key, hint)) links.add(hint.entry.dev);
    }
    this.#pending.clear();
    return links;
  }

  #asWanted(key: ObjectKey, { entry, gone }: KernelHint): boolean {
    const wanted = this.#wanted(key);
    if (gone === true || entry === undefined) return wanted === undefined;
    return wanted !== undefined && satisfies(wanted, entry);
  }
}
