import { closeSync, openSync, readdirSync } from 'node:fs';
// The package's root loads half a megabyte of message tables that weft does not use.
import { RawNetlinkSocket } from 'netlink/dist/raw.js';
import { KernelError, Unavailable } from '../../core/errors.ts';
import { getSocketOption, inNamespace } from '../libc/index.ts';
import { EventStream } from './event-stream.ts';
import type { ReceivedMessage } from './message.ts';
import { SOCKET_OPTION } from './netlink-header.ts';
import { setOptions } from './socket-options.ts';

/** A multicast message, with the port of the socket whose request caused it. */
export type NetlinkNotification = ReceivedMessage;

/** An unusual SO_RCVBUF by which a new socket's descriptor is recognised. */
const MARK = 40_004;

/** Longest time that received datagrams keep the event loop from other work. */
const SLICE_MS = 1;

/** What a guarded socket gives: datagrams of one turn of the loop, or the error that ended it. */
interface Listener {
  receive(datagram: Uint8Array): void;
  fail(error: Error): void;
}

/**
 * Opens a socket that cannot abort the process. npm netlink 0.3.0 does so when poll(2) reports an error, that is
 * after a receive overrun, and when a listener throws. So NETLINK_NO_ENOBUFS is set before the event loop can see
 * the socket, and its listeners only push; what they pushed is handled in a turn of its own. All of this is
 * synchronous because it may run inside a namespace.
 */
function openGuarded(protocol: number, listener: Listener): { socket: RawNetlinkSocket; fd: number } {
  const probe = openSync('/dev/null', 'r');
  closeSync(probe);
  const socket = new RawNetlinkSocket(protocol, { recvBufferSize: MARK, sendBufferSize: 0 });
  try {
    const fd = descriptorOf(socket, protocol, probe);
    setOptions(fd);
    listen(socket, listener);
    return { socket, fd };
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** The package hides its descriptor. The lowest number that was free is the likely one, and is checked. */
function descriptorOf(socket: RawNetlinkSocket, protocol: number, likely: number): number {
  const mark = socket.getRecvBufferSize();
  const isOurs = (fd: number): boolean =>
    readOption(fd, SOCKET_OPTION.SO_PROTOCOL) === protocol &&
    readOption(fd, SOCKET_OPTION.SO_DOMAIN) === SOCKET_OPTION.AF_NETLINK &&
    readOption(fd, SOCKET_OPTION.SO_RCVBUF) === mark;
  if (isOurs(likely)) return likely;
  const found = readdirSync('/proc/self/fd').map(Number).find(isOurs);
  if (found === undefined) throw new Unavailable('netlink: own socket is missing in /proc/self/fd');
  return found;
}

/** Undefined for a descriptor that is closed or no socket. */
function readOption(fd: number, option: number): number | undefined {
  const value = Buffer.alloc(4);
  try {
    getSocketOption(fd, SOCKET_OPTION.SOL_SOCKET, option, value);
    return value.readInt32LE();
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

function listen(socket: RawNetlinkSocket, listener: Listener): void {
  const inbox: Uint8Array[] = [];
  let failure: Error | undefined;
  let scheduled = false;
  const handle = (): void => {
    scheduled = false;
    const until = performance.now() + SLICE_MS;
    for (let taken = inbox.shift(); taken !== undefined; taken = inbox.shift()) {
      listener.receive(taken);
      if (performance.now() > until) break;
    }
    if (inbox.length > 0) schedule();
    else if (failure !== undefined) listener.fail(failure);
  };
  const schedule = (): void => {
    if (!scheduled) setImmediate(handle);
    scheduled = true;
  };
  socket.on('message', (datagram) => {
    inbox.push(datagram);
    schedule();
  });
  socket.on('error', (error) => {
    failure = new Unavailable(`netlink socket: ${error.message}`, {}, { cause: error });
    schedule();
  });
}

/** A subscription, until it is disposed of. */
export interface Events extends AsyncDisposable {
  /** How full the receive buffer is, from 0; over 1 the kernel throws notifications away. */
  readonly fill: number;
  /** More groups, from now on. @throws {Error} when the kernel refuses. */
  join(groups: readonly number[]): void;
}

/**
 * Subscribes to multicast groups, in `namespace` or where the process is. `onMessage` gets each notification in a
 * turn of its own; `onOverrun` says that some were lost.
 * @param options.groups RTNLGRP_* or NFNLGRP_* numbers.
 * @throws {KernelError} as `openTransport`.
 */
export function openEvents(options: {
  readonly protocol: number;
  readonly groups: readonly number[];
  readonly namespace?: string;
  onMessage(message: NetlinkNotification): void;
  onOverrun(): void;
}): Events {
  const open = () => {
    const opened = openGuarded(options.protocol, {
      receive: (datagram) => stream.receive(datagram),
      fail: () => stream.fail(),
    });
    for (const group of options.groups) opened.socket.addMembership(group);
    return opened;
  };
  const { socket, fd } = options.namespace === undefined ? open() : inNamespace(options.namespace, open);
  const stream = new EventStream(options, () => dropsOf(fd));
  return {
    get fill() {
      const info = memoryOf(fd);
      return info(SOCKET_OPTION.SK_MEMINFO_RMEM_ALLOC) / info(SOCKET_OPTION.SK_MEMINFO_RCVBUF);
    },
    join: (groups) => {
      for (const group of groups) socket.addMembership(group);
    },
    [Symbol.asyncDispose]: async () => {
      stream.close();
      socket.close();
    },
  };
}

/** Datagrams the kernel threw away because the receive buffer was full. */
function dropsOf(fd: number): number {
  return memoryOf(fd)(SOCKET_OPTION.SK_MEMINFO_DROPS);
}

/** Reads the SK_MEMINFO_* numbers of a socket. */
function memoryOf(fd: number): (variable: number) => number {
  const info = Buffer.alloc(SOCKET_OPTION.SK_MEMINFO_VARS * 4);
  getSocketOption(fd, SOCKET_OPTION.SOL_SOCKET, SOCKET_OPTION.SO_MEMINFO, info);
  return (variable) => info.readUInt32LE(variable * 4);
}
