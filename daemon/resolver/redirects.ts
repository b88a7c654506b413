import { setTimeout as sleep } from 'node:timers/promises';
import type { Ip } from '../../core/address.ts';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import { EMBEDDED_RESOLVER, type RedirectPorts } from '../../discovery/index.ts';
import { Conntrack } from '../../kernel/netlink/index.ts';
import { checkRedirect, installRedirect, type RedirectCheck } from './install-redirect.ts';
import type { ResolverLog } from './log.ts';

/** Sandboxes that are worked on at one time. */
const AT_ONCE = 16;
const RETRY_MS = 1000;
/** Most questions are answered within this time. */
const ANSWERED_MS = 1000;
const SETTLE_POLL_MS = 5;
/** Each redirect is looked at this often, whatever else is heard of its sandbox, but no two within the second time. */
const LOOK_MS = 10_000;
const LEAST_LOOK_MS = 100;

/** Where a sandbox's queries are to go; `docker`: as without weft. */
type Wanted = RedirectPorts | 'docker';

/** Told when a redirect was not as weft had made it. */
export type OnRepair = (key: SandboxKey, action: NonNullable<RedirectCheck['action']>) => void;

/**
 * The redirects in all sandboxes: what is wanted is made so, tried again where the kernel refuses, and made again where
 * somebody in the sandbox has changed it.
 */
export class Redirects implements AsyncDisposable {
  readonly #log: ResolverLog;
  readonly #onRepair: OnRepair;
  readonly #wanted = new Map<SandboxKey, Wanted>();
  readonly #installed = new Map<SandboxKey, RedirectPorts>();
  /** Those whose redirect was made, or taken away, before. */
  readonly #touched = new Set<SandboxKey>();
  readonly #waiting = new Map<SandboxKey, Set<() => void>>();
  readonly #queue = new Set<SandboxKey>();
  readonly #working = new Set<SandboxKey>();
  /** Redirects that may be other than they were made. */
  readonly #doubted = new Set<SandboxKey>();
  /** Number of each sandbox's ruleset when its redirect was last seen to be right. */
  readonly #generations = new Map<SandboxKey, number>();
  readonly #abort = new AbortController();
  #looking: NodeJS.Timeout;
  /** Those still to be looked at before it begins anew. */
  #unlooked: Iterator<SandboxKey> = [].values();

  constructor(log: ResolverLog, onRepair: OnRepair) {
    this.#log = log;
    this.#onRepair = onRepair;
    this.#looking = this.#lookLater();
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

  /** Somebody else has changed rules in the sandbox. */
  disturbed(key: SandboxKey): void {
    if (!this.#installed.has(key)) return;
    this.#doubted.add(key);
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
    this.#touched.delete(key);
    this.#queue.delete(key);
    this.#doubted.delete(key);
    this.#generations.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#looking);
    this.#queue.clear();
    for (const waiting of this.#waiting.values()) for (const wake of waiting) wake();
  }

  #lookLater(): NodeJS.Timeout {
    const pause = Math.max(LEAST_LOOK_MS, LOOK_MS / Math.max(1, this.#installed.size));
    return setTimeout(() => this.#look(), pause).unref();
  }

  /** What others do to rules is mostly heard of at once (`disturbed`); this is for what is not. */
  #look(): void {
    let next = this.#unlooked.next();
    if (next.done === true) {
      this.#unlooked = [...this.#installed.keys()].values();
      next = this.#unlooked.next();
    }
    if (next.done !== true) this.disturbed(next.value);
    this.#looking = this.#lookLater();
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
    const isDoubted = this.#doubted.delete(key);
    try {
      if (!this.#isMade(key, to)) await this.#install(key, to);
      else if (to !== 'docker' && isDoubted) await this.#check(key, to);
    } catch (error) {
      if (isDoubted) this.#doubted.add(key);
      await this.#failed(key, error);
    }
  }

  #isMade(key: SandboxKey, to: Wanted): boolean {
    const was = this.#installed.get(key);
    return to !== 'docker' && was?.udp === to.udp && was.tcp === to.tcp;
  }

  async #install(key: SandboxKey, to: Wanted): Promise<void> {
    const wentElsewhere = this.#touched.has(key);
    await installRedirect(key, to);
    this.#touched.add(key);
    this.#generations.delete(key);
    if (to === 'docker') this.#installed.delete(key);
    else this.#installed.set(key, to);
    if (wentElsewhere) setTimeout(() => void this.#forgetFlows(key, to), ANSWERED_MS).unref();
    if (this.isInstalled(key)) for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  async #check(key: SandboxKey, to: RedirectPorts): Promise<void> {
    const { action, generation } = await checkRedirect(key, to, this.#generations.get(key));
    if (generation === undefined) this.#generations.delete(key);
    else this.#generations.set(key, generation);
    if (action === undefined) return;
    this.#onRepair(key, action);
    await this.#forgetFlows(key, to);
  }

  /**
   * A query from a port that asked before would go where that one went, for as long as the kernel remembers it: to
   * another process, to Docker, or to nobody. Done when what was asked there is answered.
   */
  async #forgetFlows(key: SandboxKey, to: Wanted): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const flow = { family: 4, originalDestination: EMBEDDED_RESOLVER as Ip, originalPort: 53 } as const;
    const elsewhere = (protocol: 'udp' | 'tcp') => ({
      ...flow,
      protocol,
      ...(to === 'docker' ? {} : { replyPortNot: to[protocol] }),
    });
    try {
      await using conntrack = Conntrack.open({ namespace: key });
      await conntrack.forget([elsewhere('udp'), elsewhere('tcp')]);
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

function isGone(error: unknown): boolean {
  return error instanceof KernelError && ['ENOENT', 'EINVAL', 'ESRCH'].includes(error.errno);
}
