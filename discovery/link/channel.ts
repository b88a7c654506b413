import { join } from 'node:path';

/** The events that may pass between weftd and its resolver process; node-ipc refuses all others. */
export const EVENTS = { feed: 'feed', order: 'order', report: 'report' } as const;

/**
 * Settings of node-ipc (14.0.0) on both sides: its strict parser with the events above, messages of bounded size, and
 * no log of its own. A message carries at most 50 facts, of some hundred bytes each.
 */
export const CHANNEL_SETTINGS = {
  parser: 'assured',
  allowedEvents: Object.values(EVENTS),
  silent: true,
  maxMessageSize: 1 << 20,
  maxPendingBytes: 16 << 20,
  secureSocketRoot: true,
} as const;

/** Files of the resolver process below the run directory; node-ipc wants one that is closed to all others (0700). */
export interface ResolverFiles {
  readonly directory: string;
  /** The Unix socket where weftd listens. */
  readonly socket: string;
  /** Locked by the process for as long as it lives; holds `ProcessNote` as JSON. */
  readonly lock: string;
  /** A Unix socket where the process that serves listens and says nothing: connections to it end with the process. */
  readonly alive: string;
  /** Locked by the process that stands by; as `lock`. */
  readonly standbyLock: string;
  /** Sandboxes that are served, with their ports, for whoever comes after. */
  readonly ports: string;
  /** Sockets handed over at a start: `HandedSocket[]` as JSON. */
  readonly handed: string;
  /** A directory with its compiled code, where the launcher of weftd has named none. */
  readonly compiled: string;
  /** What the process said when it crashed. */
  readonly stderr: string;
}

export function resolverFiles(runDir: string): ResolverFiles {
  const directory = join(runDir, 'resolver');
  return {
    directory,
    socket: join(directory, 'weftd.sock'),
    lock: join(directory, 'process.lock'),
    alive: join(directory, 'alive.sock'),
    standbyLock: join(directory, 'standby.lock'),
    ports: join(directory, 'ports.json'),
    handed: join(directory, 'handed.json'),
    compiled: join(directory, 'compiled'),
    stderr: join(directory, 'stderr.log'),
  };
}
