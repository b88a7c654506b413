import type { Logger } from 'pino';
import { satisfies } from '../../core/diff.ts';
import { errorMessage, Unavailable } from '../../core/errors.ts';
import type { KernelObject, LinkObject, ObjectKey, VethLink, VxlanLink } from '../../core/kernel-objects.ts';
import type { Kernel, KernelHint } from '../../core/ports.ts';
import { EntryHints } from './entry-hints.ts';
import { ParentHints } from './parent-hints.ts';
import type { Reconciler } from './reconciler.ts';

export interface LoopTimes {
  /** How long hints are gathered before a pass. */
  readonly gatherMs: number;
  /** A whole pass at least this often; the safety net for lost notifications. */
  readonly everyMs: number;
  /** How often settings are looked at that the kernel does not tell of. */
  readonly lookMs: number;
  /** How soon a pass that could not judge or repair everything is repeated; doubled each time it happens again. */
  readonly againMs: number;
}

/** When a whole comparison ended (milliseconds since the epoch), how long it took and what it repaired. */
export interface WholePass {
  readonly at: number;
  readonly durationMs: number;
  readonly repairs: number;
}

export const LOOP_TIMES: LoopTimes = { gatherMs: 100, everyMs: 60_000, lookMs: 1000, againMs: 200 };

/**
 * Turns notifications and time into passes, one at a time. A hint about a link leads to a pass over that link only,
 * so that a host with a thousand endpoints pays for what changed and not for what exists.
 */
export class ReconcileLoop implements AsyncDisposable {
  readonly #reconciler: Reconciler;
  readonly #log: Logger;
  readonly #concerns: (dev: string) => boolean;
  readonly #wanted: (dev: string) => LinkObject | undefined;
  readonly #standingOn: (dev: string) => readonly string[];
  readonly #times: LoopTimes;
  readonly #stop = new AbortController();
  /** Links to look at. `whole`: for something that a later notification about the link itself says nothing of. */
  readonly #devices = new Map<string, 'link' | 'whole'>();
  readonly #entries: EntryHints;
  readonly #parents = new ParentHints();
  readonly #watching: Promise<void>;
  #whole: string | undefined;
  #repeats = 0;
  #lookTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #lastPassAt = Date.now();
  #lastWholePass: WholePass | undefined;

  constructor(parts: {
    readonly reconciler: Reconciler;
    readonly kernel: Kernel;
    /** Whether a link is weft's business: wanted, or named like one of weft's. */
    readonly concerns: (dev: string) => boolean;
    /** The link of that name that intent requires. */
    readonly wanted: (dev: string) => LinkObject | undefined;
    /** The object of that key that intent requires. */
    readonly wantedObject: (key: ObjectKey) => KernelObject | undefined;
    /** The links that intent requires on a device, in the order of their making. */
    readonly standingOn: (dev: string) => readonly string[];
    /** Links that differ from intent in something the kernel sends no notification of. */
    readonly silent: () => Promise<readonly string[]>;
    readonly log: Logger;
    readonly times?: LoopTimes;
  }) {
    this.#reconciler = parts.reconciler;
    this.#log = parts.log;
    this.#times = parts.times ?? LOOP_TIMES;
    this.#concerns = parts.concerns;
    this.#wanted = parts.wanted;
    this.#standingOn = parts.standingOn;
    this.#entries = new EntryHints(parts.wantedObject);
    this.#watching = this.#watch(parts.kernel);
    this.#schedule(this.#times.everyMs);
    this.#look(parts.silent);
  }

  /** Asks for a whole pass soon. */
  request(cause: string): void {
    this.#whole ??= cause;
    this.#schedule(this.#times.gatherMs);
  }

  /** The last whole comparison; undefined before the first of this loop. */
  get lastWholePass(): WholePass | undefined {
    return this.#lastWholePass;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#lookTimer);
    await this.#watching;
    await this.#running;
  }

  async #watch(kernel: Kernel): Promise<void> {
    try {
      for await (const hint of kernel.watch(this.#stop.signal)) this.#hint(hint);
    } catch (error) {
      // Without notifications the timer still finds everything, later.
      this.#log.error({ error: errorMessage(error) }, 'kernel notifications ended');
    }
  }

  #hint(hint: KernelHint): void {
    const { source, dev } = hint;
    if (dev === undefined) {
      this.request('notification');
      return;
    }
    if (source !== 'neighbour') this.#linkHint(hint, dev);
    else if (this.#concerns(dev) && this.#entries.add(hint)) this.#schedule(this.#times.gatherMs);
  }

  #linkHint(hint: KernelHint, dev: string): void {
    const { source } = hint;
    this.#parentHint(hint, dev);
    // A hint carries its link where that is weft's by name or alias.
    const isOurs = hint.link !== undefined || this.#concerns(dev);
    if (!isOurs || !this.#counts(source, dev)) return;
    switch (this.#verdict(hint, dev)) {
      case 'as wanted':
        if (this.#devices.get(dev) === 'link' || hint.gone === true) this.#devices.delete(dev);
        return;
      case 'says nothing':
        return;
      case 'look':
        this.#devices.set(dev, hint.link === undefined ? 'whole' : (this.#devices.get(dev) ?? 'link'));
        this.#schedule(this.#times.gatherMs);
    }
  }

  /** What stands on a device goes with it, in whatever namespace, and can come back when it does. */
  #parentHint(hint: KernelHint, dev: string): void {
    const children = this.#concerned(hint, dev);
    if (children.length === 0) return;
    for (const child of children) this.#devices.set(child, 'whole');
    this.#schedule(this.#times.gatherMs);
  }

  /** What stands on another device than before; where it has another address, links by which the host speaks with that. */
  #concerned(hint: KernelHint, dev: string): readonly string[] {
    if (hint.source === 'address') return this.#standingOn(dev).filter(isHosts);
    if (hint.source !== 'link') return [];
    const children = this.#standingOn(dev);
    return children.length > 0 && this.#parents.isOther(dev, hint) ? children : [];
  }

  /** Routes are weft's on the host's own links on a LAN alone. */
  #counts(source: KernelHint['source'], dev: string): boolean {
    if (source === 'route') return isHosts(dev);
    return source === 'link' || source === 'address' || source === 'netconf';
  }

  #look(silent: () => Promise<readonly string[]>): void {
    this.#lookTimer = setTimeout(async () => {
      try {
        for (const dev of await silent()) {
          this.#devices.set(dev, 'whole');
          this.#schedule(0);
        }
      } catch (error) {
        this.#log.error({ error: errorMessage(error) }, 'settings could not be looked at');
      }
      if (!this.#stop.signal.aborted) this.#look(silent);
    }, this.#times.lookMs);
    this.#lookTimer.unref();
  }

  /** Most notifications are echoes of weft's own work and show what is wanted: they cost a comparison and no pass. */
  #verdict({ source, link, port, gone }: KernelHint, dev: string): 'as wanted' | 'says nothing' | 'look' {
    const wanted = this.#wanted(dev);
    if (gone === true) return wanted === undefined ? 'as wanted' : 'look';
    if (link !== undefined) return wanted !== undefined && satisfies(wanted, link) ? 'as wanted' : 'look';
    if (wanted?.type !== 'veth' && wanted?.type !== 'vxlan') return 'look';
    if (source === 'netconf') return 'says nothing';
    return port !== undefined && isAsWanted(port, wanted) ? 'says nothing' : 'look';
  }

  #schedule(inMs: number): void {
    const dueAt = Date.now() + inMs;
    if (this.#stop.signal.aborted || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#running = this.#running.then(() => this.#pass());
    }, inMs);
    this.#timer.unref();
  }

  async #pass(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const overdue = Date.now() - this.#lastPassAt >= this.#times.everyMs;
    const cause = this.#whole ?? (overdue ? 'timer' : undefined);
    // Judged again, because intent or the kernel may have caught up meanwhile.
    const lacking = this.#entries.take();
    const only = cause === undefined ? new Set([...this.#devices.keys(), ...lacking]) : undefined;
    this.#whole = undefined;
    this.#devices.clear();
    if (only?.size === 0) {
      this.#schedule(this.#times.everyMs);
      return;
    }
    const again = await this.#try(cause, only);
    this.#repeats = again ? this.#repeats + 1 : 0;
    if (again) this.#repeat(cause, only);
    if (only === undefined) this.#lastPassAt = Date.now();
    this.#schedule(this.#times.everyMs);
  }

  /** @returns whether the pass must be repeated soon. */
  async #try(cause: string | undefined, only: ReadonlySet<string> | undefined): Promise<boolean> {
    const started = performance.now();
    try {
      const { again, repairs, remade } = await this.#reconciler.pass(cause ?? 'notification', only);
      if (remade === true && only !== undefined) this.request('notification');
      if (only === undefined) {
        this.#lastWholePass = { at: Date.now(), durationMs: performance.now() - started, repairs };
      }
      return again;
    } catch (error) {
      // A list that changes faster than it can be read is a busy host, not a fault.
      const level = error instanceof Unavailable ? 'debug' : 'error';
      this.#log[level]({ error: errorMessage(error) }, 'reconciliation failed; it will be repeated');
      return true;
    }
  }

  #repeat(cause: string | undefined, only: ReadonlySet<string> | undefined): void {
    if (only === undefined) this.#whole ??= cause ?? 'timer';
    for (const dev of only ?? []) this.#devices.set(dev, 'whole');
    this.#schedule(Math.min(this.#times.againMs * 2 ** (this.#repeats - 1), this.#times.everyMs));
  }
}

/** Whether a link is the host's own beside those of containers on a LAN. */
function isHosts(dev: string): boolean {
  return /^wh-/.test(dev);
}

function isAsWanted(port: NonNullable<KernelHint['port']>, wanted: VethLink | VxlanLink): boolean {
  if (wanted.type === 'vxlan') return port.flood === wanted.flood;
  return port.isolated === wanted.isolated && port.hairpin === wanted.hairpin;
}
