import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SandboxKey } from '../../core/ids.ts';
import type { Sandboxes } from '../../core/naming.ts';
import { isNamespace } from './is-namespace.ts';

/** The namespace of a sandbox has come, or has gone. */
export interface NamespaceEvent {
  readonly key: SandboxKey;
  readonly alive: boolean;
}

/**
 * When to look again after the file has appeared. Up to Engine 27 the mount follows the file within a millisecond, on a
 * busy machine later.
 */
const FOLLOW_MS: readonly number[] = [0, 1, 1, 1, 2, 2, 4, 8, 16, 32, 64, 128];
/** How often everything is looked at, for what inotify does not tell: that a namespace was unmounted. */
const ROUND_MS = 500;
/** How soon to look where there is no directory to watch: Docker makes it for its first container. Then ever slower. */
const NO_DIRECTORY_MS = 5;

interface Tracked {
  alive: boolean;
  /** Waits for the mount that follows the file. */
  follow: NodeJS.Timeout | undefined;
  readonly waiting: Set<() => void>;
}

/** Watches the directories of sandbox keys (inotify), for the sandboxes that are stored. */
export class NamespaceWatch implements Disposable {
  readonly #sandboxes: Sandboxes;
  readonly #tracked = new Map<SandboxKey, Tracked>();
  readonly #directories = new Map<string, FSWatcher>();
  readonly #listeners = new Set<(event: NamespaceEvent) => void>();
  readonly #subscription: Disposable;
  #round: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #closed = false;

  constructor(sandboxes: Sandboxes) {
    this.#sandboxes = sandboxes;
    this.#subscription = sandboxes.subscribe((changed) => {
      for (const key of changed) this.#update(key);
    });
    for (const { key } of sandboxes.all()) this.#update(key);
  }

  /** Whether its namespace is there, as far as is known; false for a sandbox that is not stored. */
  alive(key: SandboxKey): boolean {
    return this.#tracked.get(key)?.alive ?? false;
  }

  /** Calls `listener`, which must not throw, at each change. A sandbox that is no longer stored is not told of. */
  subscribe(listener: (event: NamespaceEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** True as soon as its namespace is there, false after `timeoutMs` or when it is not stored. Never rejects. */
  whenAlive(key: SandboxKey, timeoutMs: number): Promise<boolean> {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined || tracked.alive) return Promise.resolve(tracked !== undefined);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const done = (): void => {
      clearTimeout(timer);
      tracked.waiting.delete(done);
      resolve(tracked.alive);
    };
    const timer = setTimeout(done, timeoutMs);
    tracked.waiting.add(done);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#subscription[Symbol.dispose]();
    clearTimeout(this.#round);
    for (const key of [...this.#tracked.keys()]) this.#forget(key);
    for (const watcher of this.#directories.values()) watcher.close();
    this.#directories.clear();
    this.#listeners.clear();
  }

  #update(key: SandboxKey): void {
    if (this.#sandboxes.get(key) === undefined) {
      this.#forget(key);
      return;
    }
    if (this.#tracked.has(key)) return;
    this.#tracked.set(key, { alive: false, follow: undefined, waiting: new Set() });
    this.#watchDirectory(dirname(key));
    this.#look(key);
    this.#schedule(this.#directories.has(dirname(key)) ? ROUND_MS : NO_DIRECTORY_MS);
  }

  #forget(key: SandboxKey): void {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined) return;
    this.#tracked.delete(key);
    clearTimeout(tracked.follow);
    tracked.alive = false;
    for (const done of [...tracked.waiting]) done();
  }

  #watchDirectory(directory: string): void {
    if (this.#directories.has(directory)) return;
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        if (name === null) this.#lookAtAll();
        // What is told of the directory itself is its end.
        else if (name === basename(directory)) this.#unwatch(directory);
        else this.#follow(join(directory, name) as SandboxKey, 0);
      });
      watcher.on('error', () => this.#unwatch(directory));
      this.#directories.set(directory, watcher);
    } catch {
      // It is not there yet: rounds try again.
    }
  }

  #unwatch(directory: string): void {
    this.#directories.get(directory)?.close();
    this.#directories.delete(directory);
    this.#schedule(NO_DIRECTORY_MS);
  }

  #follow(key: SandboxKey, attempt: number): void {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined) return;
    clearTimeout(tracked.follow);
    tracked.follow = undefined;
    if (this.#look(key) || attempt >= FOLLOW_MS.length) return;
    tracked.follow = setTimeout(() => this.#follow(key, attempt + 1), FOLLOW_MS[attempt]).unref();
  }

  /** @returns whether the namespace is there. */
  #look(key: SandboxKey): boolean {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined) return false;
    const alive = isNamespace(key);
    if (alive === tracked.alive) return alive;
    tracked.alive = alive;
    if (alive) for (const done of [...tracked.waiting]) done();
    for (const listener of this.#listeners) listener({ key, alive });
    return alive;
  }

  #lookAtAll(): void {
    for (const key of [...this.#tracked.keys()]) this.#look(key);
  }

  #schedule(inMs: number): void {
    const dueAt = performance.now() + inMs;
    if (this.#closed || this.#tracked.size === 0 || (this.#round !== undefined && dueAt >= this.#dueAt))
      return;
    clearTimeout(this.#round);
    this.#dueAt = dueAt;
    this.#round = setTimeout(() => this.#rounds(inMs), inMs).unref();
  }

  #rounds(afterMs: number): void {
    this.#round = undefined;
    const directories = new Set([...this.#tracked.keys()].map((key) => dirname(key)));
    for (const directory of directories) this.#watchDirectory(directory);
    this.#lookAtAll();
    const isWatched = [...directories].every((directory) => this.#directories.has(directory));
    this.#schedule(isWatched ? ROUND_MS : Math.min(afterMs * 1.2, ROUND_MS));
  }
}
