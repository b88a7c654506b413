import type { Store } from '../../core/ports.ts';

const PREFIX = 'left-here/';

/**
 * Networks that were removed on this host, until the cluster has been told: a note in the host's own store, so that a
 * removal is told whenever the cluster can be reached again.
 */
export class LeftNotes {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The networks by name, with the id that was left. */
  async list(): Promise<readonly { readonly name: string; readonly id: string }[]> {
    const { entries } = await this.#store.list(PREFIX);
    return entries.map(({ key, value }) => ({
      name: key.slice(PREFIX.length),
      id: Buffer.from(value).toString(),
    }));
  }

  async has(name: string, id: string): Promise<boolean> {
    return (await this.list()).some((note) => note.name === name && note.id === id);
  }

  async add(name: string, id: string): Promise<void> {
    await this.#store.commit({ put: [{ key: `${PREFIX}${name}`, value: Buffer.from(id) }] });
  }

  /** A note that is not there is fine. */
  async remove(name: string): Promise<void> {
    if ((await this.list()).some((note) => note.name === name))
      await this.#store.commit({ delete: [`${PREFIX}${name}`] });
  }
}
