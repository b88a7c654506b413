import type { SandboxKey } from '../../core/ids.ts';
import type { Sandboxes, SandboxView } from '../../core/naming.ts';

/** Sandboxes as they are set. */
export class MemorySandboxes implements Sandboxes {
  readonly #views = new Map<SandboxKey, SandboxView>();
  readonly #listeners = new Set<(changed: ReadonlySet<SandboxKey>) => void>();

  set(key: string, networks: readonly string[]): SandboxKey {
    this.#views.set(key as SandboxKey, { key: key as SandboxKey, networks, endpoints: [] });
    this.#tell(key);
    return key as SandboxKey;
  }

  remove(key: string): void {
    this.#views.delete(key as SandboxKey);
    this.#tell(key);
  }

  all(): Iterable<SandboxView> {
    return this.#views.values();
  }

  get(key: SandboxKey): SandboxView | undefined {
    return this.#views.get(key);
  }

  subscribe(listener: (changed: ReadonlySet<SandboxKey>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(key: string): void {
    for (const listener of this.#listeners) listener(new Set([key as SandboxKey]));
  }
}
