import { readFileSync, statSync } from 'node:fs';
import { errorMessage } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import { closeFd, readableNow, receiveDescriptors } from '../../kernel/libc/index.ts';
import { decodeHandedSockets, decodeSocketLabel, type HandedSocket } from '../link/index.ts';
import type { DiscoveryLog } from '../server/index.ts';

export interface HandedSocketsParts {
  /** A file that says which sockets the process was born with; absent: with none. */
  readonly born?: string;
  /** Descriptor through which weftd sends those that come later; absent: it sends none. */
  readonly channel?: number;
  readonly log: DiscoveryLog;
}

/**
 * Sockets of sandboxes that an earlier process had or another one serves, not read from yet. An open socket keeps its
 * namespace alive, so none is kept longer than its sandbox.
 */
export class HandedSockets implements Disposable {
  readonly #parts: HandedSocketsParts;
  readonly #sockets: Map<SandboxKey, HandedSocket>;

  constructor(parts: HandedSocketsParts) {
    this.#parts = parts;
    const born = parts.born === undefined ? [] : readBorn(parts.born);
    this.#sockets = new Map(born.map((each) => [each.key, each]));
  }

  /** Takes what weftd has sent; says of which sandboxes. */
  receive(): readonly SandboxKey[] {
    const { channel, log } = this.#parts;
    const keys: SandboxKey[] = [];
    if (channel === undefined) return keys;
    for (let next = receiveDescriptors(channel); next !== undefined; next = receiveDescriptors(channel)) {
      try {
        const { key, namespace } = decodeSocketLabel(JSON.parse(next.bytes.toString()));
        const [udp, tcp] = next.fds;
        // Fewer where this process may open no further descriptors.
        if (udp === undefined || tcp === undefined) throw new RangeError(`${next.fds.length} descriptors`);
        this.drop(key);
        this.#sockets.set(key, { key, namespace, udp, tcp });
        keys.push(key);
      } catch (error) {
        for (const fd of next.fds) closeFd(fd);
        log.warn({ error: errorMessage(error) }, 'sockets that weftd has sent cannot be used');
      }
    }
    return keys;
  }

  /** A sandbox's sockets, the caller's from now on, unless it has made way for another one. */
  take(key: SandboxKey): HandedSocket | undefined {
    this.dropOutdated(key);
    const socket = this.#sockets.get(key);
    this.#sockets.delete(key);
    return socket;
  }

  drop(key: SandboxKey): void {
    const socket = this.#sockets.get(key);
    this.#sockets.delete(key);
    if (socket !== undefined) for (const fd of [socket.udp, socket.tcp]) closeFd(fd);
  }

  /** Drops a sandbox's sockets where its namespace is no longer the one they are in. */
  dropOutdated(key: SandboxKey): void {
    const socket = this.#sockets.get(key);
    if (socket !== undefined && inodeOf(key) !== socket.namespace) this.drop(key);
  }

  /** Sandboxes at whose sockets queries wait. */
  waiting(): ReadonlySet<SandboxKey> {
    const all = [...this.#sockets.values()];
    try {
      const readable = readableNow(all.flatMap(({ udp, tcp }) => [udp, tcp]));
      const waiting = all.filter(({ udp, tcp }) => readable.has(udp) || readable.has(tcp));
      return new Set(waiting.map(({ key }) => key));
    } catch (error) {
      // They are begun in any order.
      this.#parts.log.debug({ error: errorMessage(error) }, 'no telling at which sockets queries wait');
      return new Set();
    }
  }

  keys(): readonly SandboxKey[] {
    return [...this.#sockets.keys()];
  }

  [Symbol.dispose](): void {
    for (const key of this.keys()) this.drop(key);
  }
}

/** Undefined where there is no such file, or nobody may look at it any more. */
export function inodeOf(key: SandboxKey): number | undefined {
  try {
    return statSync(key).ino;
  } catch {
    return undefined;
  }
}

function readBorn(path: string): readonly HandedSocket[] {
  try {
    return decodeHandedSockets(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    process.stderr.write(`sockets handed over: ${errorMessage(error)}\n`);
    return [];
  }
}
