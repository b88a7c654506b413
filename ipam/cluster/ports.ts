import type { Ip } from '../../core/address.ts';
import type { Clock, SharedView, Store } from '../../core/ports.ts';

/** A clock that also wakes. */
export interface ClusterClock extends Clock {
  /** Calls `run` once after so many milliseconds, unless disposed of before. */
  after(ms: number, run: () => void): Disposable;
}

/** What is worth a line in the log. pino's loggers are such. */
export interface AddressLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface ClusterAddressOptions {
  /** This host's name in the cluster. */
  readonly node: string;
  readonly shared: Pick<SharedView, 'get' | 'entries' | 'subscribe' | 'commit'>;
  /** This host's own store: what it gives away is noted here first, under `undecided/`. */
  readonly store: Store;
  readonly isAlive: (node: string) => boolean;
  readonly clock: ClusterClock;
  readonly log: AddressLog;
  /** Who uses an address, for messages: an endpoint's name, its host, or both. */
  readonly holderOf?: (network: string, ip: Ip) => string | undefined;
  /** How long a request waits for the store or for another host; absent: 2 s. */
  readonly waitMs?: number;
  /** How long a block is kept with nothing in it; absent: 60 s. */
  readonly idleMs?: number;
  /** How often blocks are looked after when nothing happens; absent: 5 s. */
  readonly tickMs?: number;
}

/** The host's clock. Its timers do not keep the process alive. */
export const systemClock: ClusterClock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
