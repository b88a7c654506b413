import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { errorMessage } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import { decodeKnownPorts, type KnownPorts } from '../link/index.ts';
import type { DiscoveryLog } from '../server/index.ts';

/** Changes within this time are written at once. */
const GATHER_MS = 10;

/**
 * Which ports each sandbox is served on, on disk: who begins after a crash binds the same ones. Empty, and the file left
 * alone, before it is opened.
 */
export class PortBook {
  readonly #path: string;
  readonly #log: DiscoveryLog;
  readonly #ports = new Map<SandboxKey, KnownPorts>();
  #isOpen = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, log: DiscoveryLog) {
    this.#path = path;
    this.#log = log;
  }

  /** Reads what is there and keeps it from now on. Never throws: without a readable file there are no ports to keep. */
  open(): void {
    this.#isOpen = true;
    try {
      for (const each of decodeKnownPorts(JSON.parse(readFileSync(this.#path, 'utf8')))) {
        this.#ports.set(each.key, each);
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      const context = { path: this.#path, error: errorMessage(error) };
      this.#log.warn(context, 'the ports of an earlier resolver cannot be read');
    }
  }

  get(key: SandboxKey): KnownPorts | undefined {
    return this.#ports.get(key);
  }

  set(ports: KnownPorts): void {
    const known = this.#ports.get(ports.key);
    if (known?.udp === ports.udp && known.tcp === ports.tcp) return;
    this.#ports.set(ports.key, ports);
    this.#changed();
  }

  delete(key: SandboxKey): void {
    if (this.#ports.delete(key)) this.#changed();
  }

  /** Resolves when the file shows all, or could not be written. */
  async written(): Promise<void> {
    if (!this.#isOpen) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  #changed(): void {
    this.#timer ??= setTimeout(() => void this.written(), GATHER_MS);
  }

  async #write(): Promise<void> {
    // Two processes may write for a moment when one takes over from the other.
    const draft = `${this.#path}.${process.pid}`;
    try {
      await writeFile(draft, JSON.stringify([...this.#ports.values()]), { mode: 0o600 });
      await rename(draft, this.#path);
    } catch (error) {
      this.#log.warn({ path: this.#path, error: errorMessage(error) }, 'the ports cannot be written');
    }
  }
}
