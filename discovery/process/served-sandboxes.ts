import { setImmediate } from 'node:timers/promises';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import type { Fact, FactObserver, SandboxToServe } from '../feed/index.ts';
import type { Report, SandboxCounts, Serving } from '../link/index.ts';
import { type HandedSockets, inodeOf } from './handed-sockets.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import type { PortBook } from './port-book.ts';
import { bindInSandbox } from './sandbox-sockets.ts';
import { ServedSandbox, type ServingParts } from './served-sandbox.ts';

/** A namespace file is there a moment before its namespace; within this time it is tried often. */
const SOON_MS = 2000;
const TRY_MS = 5;
/** Sandboxes begun in one turn of the event loop: about a millisecond. */
const SLICE = 16;

export interface ServedSandboxesParts extends ServingParts {
  readonly ports: PortBook;
  /** What an earlier process has left to this one. */
  readonly handed: HandedSockets;
  readonly report: (report: Report) => void;
}

/** Every sandbox that is to be served and whose namespace is there. */
export class ServedSandboxes implements FactObserver, AsyncDisposable {
  readonly #parts: ServedSandboxesParts;
  readonly #wanted = new Map<SandboxKey, SandboxToServe>();
  readonly #served = new Map<SandboxKey, ServedSandbox>();
  /** Sandboxes to try again, each until when. */
  readonly #soon = new Map<SandboxKey, number>();
  readonly #watch = new NamespaceWatch((key) => this.#look(key));
  #timer: NodeJS.Timeout | undefined;
  #begun: Promise<void> | undefined;
  #over = false;

  constructor(parts: ServedSandboxesParts) {
    this.#parts = parts;
  }

  /**
   * Serves what is known, and what comes to be. Until then queries wait in the sockets that were handed over; where some
   * do is begun first. Resolves when all sandboxes are served whose namespace is there.
   */
  begin(): Promise<void> {
    this.#begun ??= this.#beginAll();
    return this.#begun;
  }

  async #beginAll(): Promise<void> {
    const { handed, ports } = this.#parts;
    handed.receive();
    ports.open();
    const waiting = handed.waiting();
    const keys = [...this.#wanted.keys()];
    const first = keys.filter((key) => waiting.has(key));
    const others = keys.filter((key) => !waiting.has(key));
    for (const [index, key] of [...first, ...others].entries()) {
      // What waited is answered in between.
      if (index % SLICE === 0) await setImmediate();
      if (this.#over) return;
      this.#expect(key);
    }
  }

  put(fact: Fact): void {
    if (fact.kind !== 'sandbox') return;
    const { sandbox } = fact;
    this.#wanted.set(sandbox.key, sandbox);
    const served = this.#served.get(sandbox.key);
    if (served !== undefined) served.update(sandbox);
    else {
      this.#watch.add(sandbox.key);
      this.#expect(sandbox.key);
    }
  }

  drop(fact: Fact): void {
    if (fact.kind !== 'sandbox') return;
    const { key } = fact.sandbox;
    this.#wanted.delete(key);
    this.#soon.delete(key);
    this.#watch.remove(key);
    if (this.#served.has(key)) this.#parts.report({ type: 'gone', key });
    this.#close(key);
    this.#parts.handed.drop(key);
    this.#parts.ports.delete(key);
  }

  /** The namespace is said to be there now, or in a moment. */
  appeared(key: SandboxKey): void {
    if (this.#wanted.has(key)) this.#look(key);
  }

  /** weftd has sent sockets. What has its own already needs none. */
  receiveHanded(): void {
    const { handed } = this.#parts;
    for (const key of handed.receive()) if (this.#served.has(key)) handed.drop(key);
    // Sent before their sandbox went, and taken after.
    for (const key of handed.keys()) if (!this.#wanted.has(key)) handed.dropOutdated(key);
  }

  /** Sockets handed over that nobody wants are closed. */
  forgetHanded(): void {
    this.#parts.handed[Symbol.dispose]();
  }

  serving(): readonly Serving[] {
    return [...this.#served.values()].map(({ serving }) => serving);
  }

  counts(): readonly SandboxCounts[] {
    return [...this.#served].map(([key, { counts }]) => ({ key, counts }));
  }

  /** Takes no further query; resolves when what was asked is answered. */
  async drained(): Promise<void> {
    await Promise.all([...this.#served.values()].map((each) => each.drained()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    this.#watch[Symbol.dispose]();
    clearTimeout(this.#timer);
    this.forgetHanded();
    await Promise.all([...this.#served.values()].map((each) => each[Symbol.asyncDispose]()));
    this.#served.clear();
  }

  /** Looks whether a sandbox's namespace is the one that is served. */
  #look(key: SandboxKey): void {
    this.#parts.handed.dropOutdated(key);
    const served = this.#served.get(key);
    if (served !== undefined) {
      if (inodeOf(key) === served.serving.namespace) return;
      this.#close(key);
      this.#parts.ports.delete(key);
      this.#parts.report({ type: 'gone', key });
    }
    if (this.#wanted.has(key)) this.#expect(key);
  }

  #expect(key: SandboxKey): void {
    if (this.#begun === undefined || this.#open(key)) return;
    this.#soon.set(key, Date.now() + SOON_MS);
    this.#timer ??= setTimeout(() => this.#tryAgain(), TRY_MS);
  }

  #tryAgain(): void {
    const now = Date.now();
    for (const [key, until] of this.#soon) {
      if (this.#open(key) || now > until) this.#soon.delete(key);
    }
    this.#timer = this.#soon.size === 0 ? undefined : setTimeout(() => this.#tryAgain(), TRY_MS);
  }

  /** Whether the sandbox is served now. */
  #open(key: SandboxKey): boolean {
    const sandbox = this.#wanted.get(key);
    if (sandbox === undefined || this.#served.has(key)) return true;
    try {
      const sockets = this.#parts.handed.take(key) ?? bindInSandbox(key, this.#parts.ports.get(key));
      const served = new ServedSandbox(sandbox, sockets, this.#parts);
      this.#served.set(key, served);
      const { udp, tcp } = served.serving;
      this.#parts.ports.set({ key, udp: udp.port, tcp: tcp.port });
      this.#parts.report(served.serving);
      return true;
    } catch (error) {
      if (!isAbsent(error)) {
        this.#parts.log.warn({ key, error: errorMessage(error) }, 'a sandbox cannot be served');
      }
      return false;
    }
  }

  #close(key: SandboxKey): void {
    const served = this.#served.get(key);
    this.#served.delete(key);
    void served?.[Symbol.asyncDispose]();
  }
}

/**
 * No file, or one that no namespace is mounted on yet (setns(2): EINVAL), or a process that has ended; or a namespace
 * so new that its loopback device is down and has no addresses.
 */
function isAbsent(error: unknown): boolean {
  return error instanceof KernelError && ['ENOENT', 'EINVAL', 'ESRCH', 'EADDRNOTAVAIL'].includes(error.errno);
}
