import { closeSync, openSync, readdirSync, write, writeSync } from 'node:fs';
// The package's root loads half a megabyte of message tables that weft does not use.
import { RawNetlinkSocket } from 'netlink/dist/raw.js';
import { KernelError, Unavailable } from '../../core/errors.ts';
import { getSocketOption, inNamespace, receiveNow, setSocketOption } from '../libc/index.ts';
import { EventStream } from './event-stream.ts';
import type { GroupRequest, Refusals, StepText } from './group.ts';
import { decodeMessages, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { sendError } from './netlink-error.ts';
import { NETLINK_OPTION, SOCKET_OPTION } from './netlink-header.ts';
import { RequestQueue, type Write } from './request-queue.ts';

/** Payload after struct nlmsghdr; the transport adds NLM_F_REQUEST, sequence number and port. */
export type NetlinkRequest = NetlinkMessage;
export type NetlinkReply = NetlinkMessage;
/** A multicast message, with the port of the socket whose request caused it. */
export type NetlinkNotification = ReceivedMessage;

/** A request socket of one netlink protocol in one namespace. Safe to share: it has one queue. */
export interface NetlinkTransport extends AsyncDisposable {
  /** Port of the socket (struct sockaddr_nl, nl_pid): notifications of what it changed carry it. */
  readonly port: number;
  /**
   * Sends with NLM_F_ACK; the messages that came before the acknowledgement.
   * @param step what is being done, in words, for the error.
   * @throws {KernelError} with errno, extended-ack text and step.
   */
  request(request: NetlinkRequest, step?: StepText): Promise<readonly NetlinkReply[]>;
  /** Requests handled in order, in as few sends as may be in flight. Later ones run even if earlier ones fail. */
  requestAll(
    requests: readonly (NetlinkRequest & { readonly step?: StepText })[],
  ): Promise<readonly PromiseSettledResult<readonly NetlinkReply[]>[]>;
  /**
   * Requests that have no reply, in one send: some hundred at most. Later ones run even if earlier ones fail.
   * @returns the refusal of each, undefined where it was done. Never rejects.
   */
  group(requests: readonly GroupRequest[]): Promise<Refusals>;
  /**
   * A complete list; dumps the kernel reports as interrupted are read again. With `each`, messages go there as they
   * come, possibly twice, and the result is empty.
   * @throws {KernelError} when refused; {Unavailable} when interrupted again and again.
   */
  dump(request: NetlinkRequest, each?: (reply: NetlinkReply) => void): Promise<readonly NetlinkReply[]>;
  /**
   * An nfnetlink batch in one send, NFNL_MSG_BATCH_BEGIN and _END included by the caller. Resolves when the kernel
   * has committed it.
   * @param steps one text a message, for errors.
   * @throws {KernelError} for the first message refused, its position in `context.index`; nothing took effect.
   */
  batch(messages: readonly NetlinkRequest[], steps?: readonly string[]): Promise<void>;
  /**
   * Sends whole messages, numbered by the caller, and gives the answers, all in this turn: for short work on many
   * sockets, where a wait for each costs more than the work. The kernel handles a request inside the send, and its
   * answers are there when that returns.
   * @param last number of the message whose answer is the last one to come.
   * @returns undefined, with nothing sent, while anything else is under way on this socket or after its end.
   * @throws {KernelError} when the kernel does not take the bytes at all.
   */
  exchangeNow(bytes: Uint8Array, last: number): readonly NetlinkNotification[] | undefined;
}

/** SO_RCVBUF in bytes; the kernel doubles it. Room for about 3 500 link notifications. */
const RECEIVE_BUFFER = 4 << 20;
/** SO_SNDBUF in bytes: no message or batch can be longer (net/netlink/af_netlink.c: netlink_sendmsg()). */
const SEND_BUFFER = 32 << 20;
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

function setOptions(fd: number): void {
  const { SOL_NETLINK, SOL_SOCKET, SO_RCVBUFFORCE, SO_SNDBUFFORCE } = SOCKET_OPTION;
  for (const option of Object.values(NETLINK_OPTION)) setSocketOption(fd, SOL_NETLINK, option, int(1));
  setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, int(RECEIVE_BUFFER));
  setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, int(SEND_BUFFER));
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
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

/**
 * Sends by write(2) in the thread pool: the kernel handles a request inside the call and may sleep there, for a lock
 * that another process holds or, when links go, for RCU. An unconnected netlink socket writes to the kernel.
 *
 * A dump is sent from here, because its first part is made inside the send: a receive at the same time that finds it
 * finished leaves EINVAL on the socket (net/netlink/af_netlink.c: netlink_recvmsg(), netlink_dump()).
 */
function writeTo(fd: number): Write {
  return (bytes, isDump) => {
    if (isDump) return writeNow(fd, bytes);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    write(fd, bytes, (error) => (error === null ? resolve() : reject(error)));
    return promise;
  };
}

/** Answers of `exchangeNow`; longer than any datagram of an acknowledgement or a single object. */
const ANSWERS = new Uint8Array(65_536);

function exchange(fd: number, bytes: Uint8Array, last: number): readonly ReceivedMessage[] {
  try {
    writeSync(fd, bytes);
  } catch (error) {
    throw sendError(error as NodeJS.ErrnoException, 'netlink send');
  }
  const messages: ReceivedMessage[] = [];
  while (messages.at(-1)?.seq !== last) {
    const size = receiveNow(fd, ANSWERS);
    if (size === undefined) break;
    messages.push(...decodeMessages(ANSWERS.slice(0, size)));
  }
  return messages;
}

async function writeNow(fd: number, bytes: Uint8Array): Promise<void> {
  writeSync(fd, bytes);
}

/**
 * Opens a request socket, in `namespace` (a namespace file) or where the process is.
 * @param options.protocol 0 for rtnetlink, 12 for netfilter.
 * @throws {KernelError} when the namespace cannot be entered or an option is refused (no CAP_NET_ADMIN).
 */
export function openTransport(options: {
  readonly protocol: number;
  readonly namespace?: string;
}): NetlinkTransport {
  const open = () =>
    openGuarded(options.protocol, {
      receive: (datagram) => queue.receive(datagram),
      fail: (error) => void queue.close(error),
    });
  const { socket, fd } = options.namespace === undefined ? open() : inNamespace(options.namespace, open);
  const queue = new RequestQueue(writeTo(fd));
  return {
    port: socket.address().port,
    request: (request, step = `netlink request ${request.type}`) => queue.request(request, step),
    requestAll: (requests) =>
      Promise.allSettled(
        requests.map(({ step, ...request }) =>
          queue.request(request, step ?? `netlink request ${request.type}`),
        ),
      ),
    group: (requests) => queue.group(requests),
    dump: (request, each) => queue.dump(request, `netlink dump ${request.type}`, each),
    batch: (messages, steps = []) => queue.batch(messages, steps),
    exchangeNow: (bytes, last) => (queue.idle ? exchange(fd, bytes, last) : undefined),
    [Symbol.asyncDispose]: async () => {
      // The descriptor must not be closed, and its number reused, while a send in the thread pool holds it.
      await queue.close(new Unavailable('netlink transport is closed'));
      socket.close();
    },
  };
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
