import { setTimeout as sleep } from 'node:timers/promises';
import type { Ip } from '../../core/address.ts';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import {
  EMBEDDED_RESOLVER,
  REDIRECT_TABLE,
  type RedirectPorts,
  redirectTable,
} from '../../discovery/index.ts';
import { Conntrack } from '../../kernel/netlink/index.ts';
import { Nftables, tableFingerprint } from '../../kernel/nftables/index.ts';
import type { ResolverLog } from './log.ts';

/** Sandboxes that are worked on at one time. */
const AT_ONCE = 16;
const RETRY_MS = 1000;
/** Most questions are answered within this time. */
const ANSWERED_MS = 1000;
const SETTLE_POLL_MS = 5;

/** Where a sandbox's queries are to go; `docker`: as without weft. */
type Wanted = RedirectPorts | 'docker';

/** The redirects in all sandboxes: what is wanted is made so, and tried again where the kernel refuses. */
export class Redirects implements AsyncDisposable {
  readonly #log: ResolverLog;
  readonly #wanted = new Map<SandboxKey, Wanted>();
  readonly #installed = new Map<SandboxKey, RedirectPorts>();
  readonly #waiting = new Map<SandboxKey, Set<() => void>>();
  readonly #queue = new Set<SandboxKey>();
  readonly #working = new Set<SandboxKey>();
  readonly #abort = new AbortController();

  constructor(log: ResolverLog) {
    this.#log = log;
  }

  isInstalled(key: SandboxKey): boolean {
    return this.#installed.has(key) && this.#wanted.get(key) !== 'docker';
  }

  /** Resolves when the redirect is in place, or after `ms`, with whether it is. */
  async installed(key: SandboxKey, ms: number): Promise<boolean> {
    if (this.isInstalled(key)) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(resolve));
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    waiting.delete(resolve);
    if (waiting.size === 0) this.#waiting.delete(key);
    return this.isInstalled(key);
  }

  send(key: SandboxKey, to: Wanted): void {
    this.#wanted.set(key, to);
    this.#queue.add(key);
    this.#work();
  }

  /** Resolves when all that is wanted has been tried, or after `ms`. */
  async settled(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (this.#queue.size + this.#working.size > 0 && Date.now() < until) await sleep(SETTLE_POLL_MS);
  }

  /** The sandbox is over. */
  forget(key: SandboxKey): void {
    this.#wanted.delete(key);
    this.#installed.delete(key);
    this.#queue.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    this.#queue.clear();
    for (const waiting of this.#waiting.values()) for (const wake of waiting) wake();
  }

  #work(): void {
    for (const key of this.#queue) {
      if (this.#working.size >= AT_ONCE) return;
      if (this.#working.has(key)) continue;
      this.#queue.delete(key);
      this.#working.add(key);
      void this.#make(key).finally(() => {
        this.#working.delete(key);
        this.#work();
      });
    }
  }

  async #make(key: SandboxKey): Promise<void> {
    const to = this.#wanted.get(key);
    if (to === undefined || this.#abort.signal.aborted) return;
    const was = this.#installed.get(key);
    if (to !== 'docker' && was?.udp === to.udp && was.tcp === to.tcp) return;
    try {
      await installRedirect(key, to);
    } catch (error) {
      await this.#failed(key, error);
      return;
    }
    if (to === 'docker') this.#installed.delete(key);
    else this.#installed.set(key, to);
    if (was !== undefined) setTimeout(() => void this.#forgetFlows(key, was), ANSWERED_MS).unref();
    for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  /**
   * A query from a port that asked before would go where that one went, for as long as the kernel remembers it. Done
   * when what was asked there is answered.
   */
  async #forgetFlows(key: SandboxKey, was: RedirectPorts): Promise<void> {
    if (this.#abort.signal.aborted) return;
    try {
      await using conntrack = Conntrack.open({ namespace: key });
      const flow = { family: 4, originalDestination: EMBEDDED_RESOLVER as Ip, originalPort: 53 } as const;
      await conntrack.forget([
        { ...flow, protocol: 'udp', replyPort: was.udp },
        { ...flow, protocol: 'tcp', replyPort: was.tcp },
      ]);
    } catch (error) {
      this.#log.debug({ sandbox: key, error: errorMessage(error) }, 'flows of a sandbox are not forgotten');
    }
  }

  async #failed(key: SandboxKey, error: unknown): Promise<void> {
    const context = { sandbox: key, error: errorMessage(error) };
    if (isGone(error)) {
      this.#log.debug(context, 'a sandbox ended before its names were redirected');
      return;
    }
    this.#log.warn(context, 'names in a sandbox cannot be redirected; trying again');
    await sleep(RETRY_MS, undefined, { ref: false, signal: this.#abort.signal }).catch(() => undefined);
    if (this.#wanted.has(key)) this.#queue.add(key);
  }
}

/**
 * Makes a sandbox's redirect so. Holds nothing of the sandbox's afterwards.
 * @throws {KernelError} `ENOENT` or `EINVAL` when there is no such namespace.
 */
export async function installRedirect(key: SandboxKey, to: Wanted): Promise<void> {
  await using nftables = await Nftables.open({ namespace: key, tables: [REDIRECT_TABLE] });
  if (to === 'docker') {
    await nftables.cleanup();
    return;
  }
  const table = redirectTable(to);
  const { family, name } = table;
  const fingerprint = tableFingerprint(table);
  await nftables.apply([{ op: 'create', object: { kind: 'table', family, name, fingerprint, table } }]);
}

function isGone(error: unknown): boolean {
  return error instanceof KernelError && ['ENOENT', 'EINVAL', 'ESRCH'].includes(error.errno);
}
