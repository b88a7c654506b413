import type { SandboxKey } from '../../core/ids.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { Sandboxes } from '../../core/naming.ts';
import {
  type QueryCounts,
  REDIRECT_TABLE,
  type Report,
  resolverFiles,
  type Serving,
} from '../../discovery/index.ts';
import type { DriftLog } from '../reconcile/index.ts';
import { resolverBuild } from './build-id.ts';
import { FactSource, type FactSourceParts } from './fact-source.ts';
import { HeldSockets } from './held-sockets.ts';
import type { ResolverLog } from './log.ts';
import { QueryTotals } from './query-totals.ts';
import { Redirects } from './redirects.ts';
import { Supervisor } from './supervisor.ts';

/** Without a process for this long, sandboxes are sent back to Docker's resolver. */
const ABSENCE_MS = 1500;
/** How soon to look again while one lives that is not connected. */
const AWAITED_MS = 100;
/** For this long, starting one has not just been slow. */
const FAILURE_MS = 60_000;

/** How long redirects may take before an earlier process is told to end all the same. */
const SETTLE_MS = 5000;

export interface ResolverOptions extends FactSourceParts {
  readonly runDir: string;
  readonly stateDir: string;
  /** Version of weft. */
  readonly version: string;
  readonly log: ResolverLog;
  /** Told what containers have done to their redirects. */
  readonly drift?: Pick<DriftLog, 'add'>;
  /** Whether the process logs what is of interest to developers only. */
  readonly debug?: boolean;
  /** Whether a second process stands by for the one that serves; absent: it does. */
  readonly standby?: boolean;
  /** What the process' program is known by; absent: version and content of its files. */
  readonly build?: string;
}

/** How the resolver is. */
export interface ResolverStatus {
  /** Absent while no process is there. */
  readonly process?: { readonly pid: number; readonly build: string; readonly serving: number };
  /** Queries by what became of them, since this weftd started. */
  readonly queries: QueryCounts;
  /** How often a process has ended for which another one is started, since this weftd started. */
  readonly restarts: number;
  /** Why the last one ended. */
  readonly lastError?: string;
}

/**
 * Names in every sandbox: a process of its own that answers, fed and supervised from here, and the rules that bring
 * queries to it. The process stays when weftd ends.
 */
export class Resolver implements AsyncDisposable {
  readonly #source: FactSource;
  readonly #log: ResolverLog;
  readonly #redirects: Redirects;
  readonly #held: HeldSockets;
  readonly #sandboxes: Sandboxes;
  readonly #totals = new QueryTotals();
  readonly #stack = new AsyncDisposableStack();
  #supervisor: Supervisor | undefined;
  #absence: NodeJS.Timeout | undefined;

  private constructor({ log, drift, ...parts }: ResolverOptions) {
    this.#log = log;
    this.#sandboxes = parts.sandboxes;
    this.#redirects = this.#stack.use(
      new Redirects(log, (key, action) => {
        log.warn({ sandbox: key, action }, 'the redirect of names in a sandbox was not as weft had made it');
        const object = keyOf({ kind: 'table', family: 'ip', name: REDIRECT_TABLE, fingerprint: '' });
        drift?.add({ kind: 'table', key: `${object} in ${key}`, action, cause: 'timer', at: Date.now() });
      }),
    );
    this.#held = this.#stack.use(new HeldSockets(log));
    this.#source = this.#stack.use(new FactSource(parts));
    this.#stack.use(
      parts.sandboxes.subscribe((changed) => {
        for (const key of changed) if (parts.sandboxes.get(key) === undefined) this.#forget(key);
      }),
    );
    this.#stack.defer(() => clearTimeout(this.#absence));
  }

  /**
   * Adopts the process that runs, or starts one; does not wait until it serves.
   * @throws {Unavailable} when there can be no socket for it below the run directory.
   */
  static async open(options: ResolverOptions): Promise<Resolver> {
    const resolver = new Resolver(options);
    const { runDir, stateDir, log, debug = false, standby = true } = options;
    resolver.#presence(false);
    try {
      resolver.#supervisor = resolver.#stack.use(
        await Supervisor.open({
          files: resolverFiles(runDir),
          runDir,
          stateDir,
          build: options.build ?? resolverBuild(options.version),
          debug,
          standby,
          source: resolver.#source,
          log,
          sockets: () => resolver.#held.all(),
          onServing: (serving, pid) => resolver.#serving(serving, pid),
          onGone: (key) => resolver.#forget(key),
          redirected: () => resolver.#redirects.settled(SETTLE_MS),
          onPresence: (present) => resolver.#presence(present),
          onReport: (report, pid) => resolver.#report(report, pid),
        }),
      );
    } catch (error) {
      await resolver[Symbol.asyncDispose]();
      throw error;
    }
    return resolver;
  }

  get status(): ResolverStatus {
    const { leader, restarts } = this.#supervisor ?? {};
    const lastError = restarts?.lastError;
    return {
      ...(leader === undefined ? {} : { process: leader }),
      queries: this.#totals.totals,
      restarts: restarts?.count ?? 0,
      ...(lastError === undefined ? {} : { lastError }),
    };
  }

  /** Queries of one sandbox since its process serves it; undefined before the first report. */
  queriesOf(key: SandboxKey): QueryCounts | undefined {
    return this.#totals.of(key);
  }

  /** The sandbox's namespace is there now, or in a moment. */
  appeared(key: SandboxKey): void {
    this.#supervisor?.appeared(key);
  }

  /** Somebody else has changed rules in the sandbox. */
  disturbed(key: SandboxKey): void {
    this.#redirects.disturbed(key);
  }

  /** Resolves when the sandbox's queries go to weft's resolver, or after `timeoutMs`, with whether they do. Never rejects. */
  ready(key: SandboxKey, timeoutMs: number): Promise<boolean> {
    return this.#redirects.installed(key, timeoutMs);
  }

  /** The settings of a network or the resolvers of a sandbox have changed. */
  changed(what: { readonly network: string } | { readonly sandbox: SandboxKey }): void {
    this.#source.changed(what);
  }

  /** Leaves the process and the redirects as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #serving(serving: Serving, pid: number): void {
    // Told a moment after the sandbox went.
    if (this.#sandboxes.get(serving.key) === undefined) return;
    const held = this.#held.hold(pid, serving);
    if (held !== undefined) this.#supervisor?.hand(held);
    this.#redirects.send(serving.key, { udp: serving.udp.port, tcp: serving.tcp.port });
  }

  #forget(key: SandboxKey): void {
    this.#held.drop(key);
    this.#redirects.forget(key);
    this.#totals.forget(key);
  }

  #presence(present: boolean): void {
    clearTimeout(this.#absence);
    if (present) return;
    this.#absence = setTimeout(() => this.#absent(), ABSENCE_MS);
  }

  #absent(): void {
    // One that lives and has not been heard yet answers all the same.
    if (this.#supervisor?.awaits === true) {
      this.#absence = setTimeout(() => this.#absent(), AWAITED_MS);
      return;
    }
    this.#log.warn({}, 'there is no resolver process yet; sandboxes ask Docker until there is');
    // Those of an earlier weftd too.
    for (const { key } of this.#sandboxes.all()) this.#redirects.send(key, 'docker');
    this.#absence = setTimeout(
      () => this.#log.error({}, 'there is still no resolver process'),
      FAILURE_MS - ABSENCE_MS,
    );
  }

  #report(report: Report, pid: number): void {
    if (report.type === 'counts') {
      for (const { key, counts } of report.sandboxes) this.#totals.add(key, pid, counts);
    }
    if (report.type !== 'log') return;
    const { level, context, message } = report;
    this.#log[level]({ ...context, resolver: pid }, message);
  }
}
