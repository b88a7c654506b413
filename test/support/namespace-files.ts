import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxKey } from '../../core/ids.ts';

/** A directory in which namespaces are mounted as Docker does it. Only in a mount namespace of the test's own. */
export class NamespaceFiles implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-netns-'));
  readonly #mounted = new Set<string>();

  key(name: string): SandboxKey {
    return join(this.directory, name) as SandboxKey;
  }

  /** Makes the file only. */
  touch(name: string): SandboxKey {
    writeFileSync(this.key(name), '');
    return this.key(name);
  }

  /** Mounts the namespace of a process. */
  mount(name: string, { pid }: { readonly pid: number }): SandboxKey {
    this.touch(name);
    execFileSync('mount', ['--bind', `/proc/${pid}/ns/net`, this.key(name)]);
    this.#mounted.add(name);
    return this.key(name);
  }

  /** As Docker does at first; it removes the file up to a minute later. */
  unmount(name: string): void {
    execFileSync('umount', ['--lazy', this.key(name)]);
    this.#mounted.delete(name);
  }

  remove(name: string): void {
    rmSync(this.key(name), { force: true });
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#mounted]) this.unmount(name);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
