import type { NftFamily } from '../../core/nft.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import { readSets } from './dump.ts';
import type { InstalledSet } from './set.ts';

/** Remembers what sets tables have, because an element's bytes depend on its set and a dump for each is too slow. */
export class SetCache {
  readonly #transport: NetlinkTransport;
  readonly #tables = new Map<string, ReadonlyMap<string, InstalledSet>>();

  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /** Reads the sets of a table unless they are known. A table without sets, or none at all, is read each time. */
  async load(family: NftFamily, table: string): Promise<void> {
    const key = `${family} ${table}`;
    if (this.#tables.has(key)) return;
    const sets = await readSets(this.#transport, family, table);
    if (sets.length > 0) this.#tables.set(key, new Map(sets.map((set) => [set.name, set])));
  }

  find(family: NftFamily, table: string, set: string): InstalledSet | undefined {
    return this.#tables.get(`${family} ${table}`)?.get(set);
  }

  forget(family: NftFamily, table: string): void {
    this.#tables.delete(`${family} ${table}`);
  }
}
