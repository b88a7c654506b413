import { connect } from 'node:net';
import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS, type MemberRecord } from '../../core/cluster.ts';
import type { SharedView } from '../../core/ports.ts';
import type { Log } from './log.ts';
import { members } from './membership.ts';

const PROBE_EVERY_MS = 500;
const PROBE_TIMEOUT_MS = 700;
/** Silent probes in a row after which a host without a lease is taken for dead. */
const SILENT_PROBES = 3;

/**
 * Which hosts are dead. A weftd that is stopped, upgraded or cut off from the store loses its lease while its
 * containers go on talking, so a lost lease alone takes nothing away: the host's underlay address must be silent too.
 * Any answer counts, a refusal as well (RFC 9293 section 3.5.2: a host resets connections to closed ports).
 */
export class Liveness implements Disposable {
  readonly #shared: SharedView;
  readonly #self: string;
  readonly #log: Log;
  readonly #changed: (node: string) => void;
  readonly #probe: (address: Ip, port: number) => Promise<boolean>;
  readonly #silent = new Map<string, number>();
  readonly #dead = new Set<string>();
  readonly #listeners = new Set<(node: string) => void>();
  readonly #subscription: Disposable;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: {
    readonly shared: SharedView;
    readonly self: string;
    readonly log: Log;
    /** Called after a node has died or come back. */
    readonly changed: (node: string) => void;
    readonly probe?: (address: Ip, port: number) => Promise<boolean>;
  }) {
    this.#shared = parts.shared;
    this.#self = parts.self;
    this.#log = parts.log;
    this.#changed = parts.changed;
    this.#probe = parts.probe ?? answers;
    this.#subscription = parts.shared.subscribe((events) => {
      if (events.some(({ entry }) => entry.key.startsWith(CLUSTER_KEYS.alive))) this.#look();
    });
    this.#look();
  }

  isDead(node: string): boolean {
    return this.#dead.has(node);
  }

  /** Calls the listener after a node has died or come back. It must not throw. */
  subscribe(listener: (node: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  hasLease(node: string): boolean {
    return this.#shared.get(`${CLUSTER_KEYS.alive}${node}`) !== undefined;
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscription[Symbol.dispose]();
  }

  #look(): void {
    const suspects = members(this.#shared).filter(({ name }) => name !== this.#self && !this.hasLease(name));
    const names = new Set(suspects.map(({ name }) => name));
    for (const name of [...this.#silent.keys()]) if (!names.has(name)) this.#alive(name);
    if (suspects.length === 0 || this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      void this.#round(suspects).finally(() => {
        this.#timer = undefined;
        this.#look();
      });
    }, PROBE_EVERY_MS);
    this.#timer.unref();
  }

  async #round(suspects: readonly MemberRecord[]): Promise<void> {
    await Promise.all(
      suspects.map(async ({ name, address, vxlanPort }) => {
        const answered = await this.#probe(address, vxlanPort);
        if (this.#stopped || this.hasLease(name)) return;
        if (answered) return this.#alive(name);
        const silent = (this.#silent.get(name) ?? 0) + 1;
        this.#silent.set(name, silent);
        if (silent < SILENT_PROBES || this.#dead.has(name)) return;
        this.#dead.add(name);
        this.#log.warn(
          { node: name, address },
          'node has no lease and does not answer: its endpoints are withdrawn',
        );
        this.#tell(name);
      }),
    );
  }

  #alive(name: string): void {
    this.#silent.delete(name);
    if (!this.#dead.delete(name)) return;
    this.#log.info({ node: name }, 'node is back');
    this.#tell(name);
  }

  #tell(name: string): void {
    this.#changed(name);
    for (const listener of [...this.#listeners]) listener(name);
  }
}

/**
 * Whether anything at the address answers a TCP connection attempt. Sends one to a closed port; opens nothing.
 * @param timeoutMs milliseconds; absent: 700.
 */
export function answers(host: Ip, port: number, timeoutMs = PROBE_TIMEOUT_MS): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED'));
  });
}
