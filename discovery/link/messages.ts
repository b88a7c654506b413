import type { SandboxKey } from '../../core/ids.ts';
import {
  boolean,
  decoder,
  integer,
  list,
  literal,
  object,
  optional,
  sandboxKey,
  tagged,
  text,
} from '../feed/index.ts';
import type { QueryCounts } from '../server/index.ts';

/** What weftd asks of the process besides the feed. */
export type Order =
  /** The sandbox's namespace is there now. */
  | { readonly type: 'appeared'; readonly key: SandboxKey }
  /** Sockets have been sent through the process' channel. */
  | { readonly type: 'handed' }
  /** Another process serves everything: answer what has been asked, and end. */
  | { readonly type: 'end' };

/** @throws {DecodeError} when it is no order. */
export const decodeOrder = decoder<Order>(
  tagged('type', { appeared: { key: sandboxKey }, handed: {}, end: {} }),
  'an order of weftd to its resolver',
);

/** A socket of a sandbox: its port on 127.0.0.11, and its descriptor in the process that serves it. */
export interface ServingSocket {
  readonly port: number;
  readonly fd: number;
}

/** Queries of one sandbox since the process serves it. */
export interface SandboxCounts {
  readonly key: SandboxKey;
  readonly counts: QueryCounts;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the process tells weftd. */
export type Report =
  /** The first of a connection. */
  | {
      readonly type: 'hello';
      readonly pid: number;
      /** What it was started as. */
      readonly build: string;
      /** It serves when the process that does now is gone. */
      readonly standby?: boolean | undefined;
    }
  | {
      readonly type: 'serving';
      readonly key: SandboxKey;
      /** Inode of the namespace, as its file shows it. */
      readonly namespace: number;
      readonly udp: ServingSocket;
      readonly tcp: ServingSocket;
    }
  /** The sandbox or its namespace is gone, and it is no longer served. */
  | { readonly type: 'gone'; readonly key: SandboxKey }
  /** All that was told in this session is known, and every sandbox served whose namespace is there. */
  | { readonly type: 'synced'; readonly session: string }
  | { readonly type: 'counts'; readonly sandboxes: readonly SandboxCounts[] }
  | { readonly type: 'log'; readonly level: LogLevel; readonly context: object; readonly message: string };

export type Serving = Extract<Report, { type: 'serving' }>;

/** Sandboxes in one message with counts. */
export const COUNTS_PER_MESSAGE = 200;

const pid = integer(1, 0x7fff_ffff);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const socket = object({ port: integer(1, 65_535), fd: integer(0, 0x7fff_ffff) });
const counts = object({
  local: count,
  cached: count,
  forwarded: count,
  refused: count,
  limited: count,
  failed: count,
});

/** @throws {DecodeError} when it is no report. */
export const decodeReport = decoder<Report>(
  tagged('type', {
    hello: { pid, build: text(), standby: optional(boolean) },
    serving: { key: sandboxKey, namespace: count, udp: socket, tcp: socket },
    gone: { key: sandboxKey },
    synced: { session: text() },
    counts: { sandboxes: list(object({ key: sandboxKey, counts }), COUNTS_PER_MESSAGE) },
    log: { level: literal(...LOG_LEVELS), context: object({}), message: text() },
  }),
  'a report of the resolver process',
);

/** Who holds the process' lock. */
export interface ProcessNote {
  readonly pid: number;
  readonly build: string;
}

/** @throws {DecodeError} when it is none. */
export const decodeProcessNote = decoder<ProcessNote>(object({ pid, build: text() }), 'a resolver process');

/** Sockets of a sandbox that a process has from an earlier one, by their descriptors there. */
export interface HandedSocket {
  readonly key: SandboxKey;
  readonly namespace: number;
  readonly udp: number;
  readonly tcp: number;
}

const fd = integer(0, 0x7fff_ffff);

/** @throws {DecodeError} */
export const decodeHandedSockets = decoder<readonly HandedSocket[]>(
  list(object({ key: sandboxKey, namespace: count, udp: fd, tcp: fd })),
  'a list of sockets handed over',
);

/** What goes through the channel of a process with a sandbox's two sockets, UDP first. */
export type SocketLabel = Pick<HandedSocket, 'key' | 'namespace'>;

/** @throws {DecodeError} */
export const decodeSocketLabel = decoder<SocketLabel>(
  object({ key: sandboxKey, namespace: count }),
  'a label of sockets handed over',
);

/** Ports of a sandbox: a process that takes over where another died binds the same, so that no rule has to change. */
export interface KnownPorts {
  readonly key: SandboxKey;
  readonly udp: number;
  readonly tcp: number;
}

const portNumber = integer(1, 65_535);

/** @throws {DecodeError} */
export const decodeKnownPorts = decoder<readonly KnownPorts[]>(
  list(object({ key: sandboxKey, udp: portNumber, tcp: portNumber })),
  'a list of ports of the resolver',
);
