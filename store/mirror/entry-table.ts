import type { Entry } from '../../core/ports.ts';

/**
 * Entries in memory, found by key and by prefix. Keys are kept in groups by their first two parts
 * (`endpoint/NETWORK/`), so that looking up one network does not go through all.
 */
export class EntryTable {
  readonly #groups = new Map<string, Map<string, Entry>>();

  get(key: string): Entry | undefined {
    return this.#groups.get(groupOf(key))?.get(key);
  }

  set(entry: Entry): void {
    const name = groupOf(entry.key);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new Map();
      this.#groups.set(name, group);
    }
    group.set(entry.key, entry);
  }

  /** False when there was none. */
  delete(key: string): boolean {
    const name = groupOf(key);
    const group = this.#groups.get(name);
    if (group?.delete(key) !== true) return false;
    if (group.size === 0) this.#groups.delete(name);
    return true;
  }

  /** Entries whose key begins with `prefix`, by key in the order of UTF-16 code units. */
  under(prefix: string): readonly Entry[] {
    const found: Entry[] = [];
    for (const group of this.#groupsOf(prefix)) {
      for (const entry of group.values()) if (entry.key.startsWith(prefix)) found.push(entry);
    }
    return inKeyOrder(found) ? found : found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  *keys(): Generator<string, void, undefined> {
    for (const group of this.#groups.values()) yield* group.keys();
  }

  *#groupsOf(prefix: string): Generator<Map<string, Entry>, void, undefined> {
    const name = groupOf(prefix);
    // With two slashes the prefix names one group; with fewer it may begin many names.
    if (isWhole(name)) {
      const group = this.#groups.get(name);
      if (group !== undefined) yield group;
      return;
    }
    for (const [other, group] of this.#groups) {
      if (other.startsWith(name)) yield group;
    }
  }
}

/** As after a list, of which the most come. */
function inKeyOrder(entries: readonly Entry[]): boolean {
  return entries.every((entry, i) => i === 0 || (entries[i - 1] as Entry).key < entry.key);
}

/** Up to and with the second slash; with fewer slashes, up to and with the last. */
function groupOf(key: string): string {
  const first = key.indexOf('/');
  const second = first < 0 ? -1 : key.indexOf('/', first + 1);
  return key.slice(0, (second < 0 ? first : second) + 1);
}

function isWhole(name: string): boolean {
  const first = name.indexOf('/');
  return first >= 0 && name.length > first + 1;
}
