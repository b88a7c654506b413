import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SandboxKey } from '../../core/ids.ts';

/** How often everything is looked at, besides what the kernel tells. */
const SWEEP_MS = 5000;
/** Looked at in one turn of the event loop: some hundred microseconds. */
const SLICE = 50;

interface Folder {
  readonly keys: Set<SandboxKey>;
  watcher: FSWatcher | undefined;
}

/** Says which namespace files may have come or gone: at once by inotify, and all of them every few seconds. */
export class NamespaceWatch implements Disposable {
  readonly #folders = new Map<string, Folder>();
  readonly #onHint: (key: SandboxKey) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(onHint: (key: SandboxKey) => void) {
    this.#onHint = onHint;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  add(key: SandboxKey): void {
    const path = dirname(key);
    const folder = this.#folders.get(path) ?? { keys: new Set(), watcher: undefined };
    this.#folders.set(path, folder);
    folder.keys.add(key);
    folder.watcher ??= this.#watch(path, folder);
  }

  remove(key: SandboxKey): void {
    const folder = this.#folders.get(dirname(key));
    folder?.keys.delete(key);
    if (folder?.keys.size !== 0) return;
    folder.watcher?.close();
    this.#folders.delete(dirname(key));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { watcher } of this.#folders.values()) watcher?.close();
    this.#folders.clear();
  }

  /** Undefined where the folder is not there; a sweep tries again. */
  #watch(path: string, folder: Folder): FSWatcher | undefined {
    try {
      const watcher = watch(path, (_event, name) => {
        const key = join(path, basename(name ?? '')) as SandboxKey;
        if (folder.keys.has(key)) this.#onHint(key);
      });
      watcher.on('error', () => {
        watcher.close();
        folder.watcher = undefined;
      });
      return watcher;
    } catch {
      return undefined;
    }
  }

  #sweep(): void {
    for (const [path, folder] of this.#folders) folder.watcher ??= this.#watch(path, folder);
    const keys = [...this.#folders.values()].flatMap((folder) => [...folder.keys]);
    const slice = (from: number): void => {
      for (const key of keys.slice(from, from + SLICE)) this.#onHint(key);
      if (from + SLICE < keys.length) setImmediate(() => slice(from + SLICE));
    };
    slice(0);
  }
}
