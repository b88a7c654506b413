import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SharedStore, Store } from '../../core/ports.ts';
import { openSqliteStore, prefixedStore, sharedFromLocal } from '../../store/index.ts';
import { NamingHost } from './naming-host.ts';

/** Hosts with real stores that share one, each with its IPAM, its Docker and its naming. */
export class NamingCluster implements AsyncDisposable {
  readonly folder: string;
  readonly store: Store;
  readonly shared: SharedStore & { readonly inProcess: true };
  readonly hosts: NamingHost[] = [];
  readonly dead = new Set<string>();
  readonly #isKept: boolean;
  readonly #listeners = new Set<(node: string) => void>();

  private constructor(
    { folder, isKept }: { readonly folder: string; readonly isKept: boolean },
    store: Store,
    shared: SharedStore & { readonly inProcess: true },
  ) {
    this.folder = folder;
    this.#isKept = isKept;
    this.store = store;
    this.shared = shared;
  }

  /** @param kept the folder with the stores of an earlier one, which stays; absent: a new one. */
  static async create(kept?: string): Promise<NamingCluster> {
    const folder = kept ?? mkdtempSync(join(tmpdir(), 'weft-naming-'));
    const store = await openSqliteStore({ path: join(folder, 'shared.db') });
    const shared = await sharedFromLocal(prefixedStore(store, 'cluster/'));
    return new NamingCluster({ folder, isKept: kept !== undefined }, store, shared);
  }

  /** @param socketPath of a real engine, or `none`; absent: an engine that the test speaks for. */
  async host(name: string, socketPath?: string): Promise<NamingHost> {
    const host = await NamingHost.boot(this, name, socketPath);
    this.hosts.push(host);
    return host;
  }

  /** A host has died, or is back. */
  setDead(node: string, dead: boolean): void {
    if (dead) this.dead.add(node);
    else this.dead.delete(node);
    for (const listener of this.#listeners) listener(node);
  }

  readonly liveness = {
    isDead: (node: string) => this.dead.has(node),
    hasLease: (node: string) => !this.dead.has(node),
    subscribe: (listener: (node: string) => void) => {
      this.#listeners.add(listener);
      return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
    },
  };

  /** Writes to the store as another program does. */
  async put(key: string, value: object): Promise<void> {
    await this.shared.commit({ put: [{ key, value: Buffer.from(JSON.stringify(value)) }] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host[Symbol.asyncDispose]();
    await this.shared[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    if (!this.#isKept) rmSync(this.folder, { recursive: true });
  }
}
