import { write, writeSync } from 'node:fs';
import { closeFd, openSocket, receiveNow } from '../libc/index.ts';
import { decodeMessages, type ReceivedMessage } from './message.ts';
import { sendError } from './netlink-error.ts';
import { SOCKET_OPTION } from './netlink-header.ts';
import { bindAnywhere, setOptions } from './socket-options.ts';

/** SOCK_RAW | SOCK_NONBLOCK (include/linux/net.h). */
const RAW_NONBLOCK = 3 | 0o4000;
/** Longest time that received datagrams keep the event loop from other work. */
const SLICE_MS = 1;
/** Longer than any datagram: the kernel makes parts of a dump of at most 32 KiB (netlink_dump()). */
const DATAGRAM = new Uint8Array(65_536);

/**
 * A socket for requests. The kernel handles a request inside the send, so its answers are there when that returns, and
 * nobody has to wait for them: the event loop does not know this socket.
 *
 * Sends go by write(2) in the thread pool, because the kernel may sleep in them, for a lock that another process holds
 * or, when links go, for RCU. A dump is sent from here, because its first part is made inside the send: a receive at the
 * same time that finds it finished leaves EINVAL on the socket (net/netlink/af_netlink.c: netlink_recvmsg(),
 * netlink_dump()).
 */
export class RequestSocket {
  readonly #fd: number;
  readonly port: number;
  /** Resolves when an exchange in the thread pool is over. */
  #aside: Promise<void> | undefined;
  #reading = false;
  #closed = false;

  /** Opens it where the calling thread is. @throws {KernelError} when the kernel refuses it. */
  constructor(protocol: number) {
    this.#fd = openSocket(SOCKET_OPTION.AF_NETLINK, RAW_NONBLOCK, protocol);
    try {
      setOptions(this.#fd);
      this.port = bindAnywhere(this.#fd);
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
  }

  /** Resolves when the kernel has handled the messages. @throws {Error} with `code` when it takes none of them. */
  async send(bytes: Uint8Array, isDump: boolean): Promise<void> {
    await this.#aside;
    if (isDump) writeSync(this.#fd, bytes);
    else await this.#write(bytes);
  }

  /** Hands over datagrams while `awaits` says so and some are there. */
  read(receive: (datagram: Uint8Array) => void, awaits: () => boolean): void {
    // What comes while the rest waits for its turn is read then.
    if (!this.#reading) this.#readSlice(receive, awaits);
  }

  #readSlice(receive: (datagram: Uint8Array) => void, awaits: () => boolean): void {
    this.#reading = false;
    const until = performance.now() + SLICE_MS;
    while (!this.#closed && awaits()) {
      const size = receiveNow(this.#fd, DATAGRAM);
      if (size === undefined) return;
      receive(DATAGRAM.slice(0, size));
      if (performance.now() < until) continue;
      this.#reading = true;
      setImmediate(() => this.#readSlice(receive, awaits));
      return;
    }
  }

  /** As `NetlinkTransport.exchangeNow`. */
  exchange(bytes: Uint8Array, last: number): readonly ReceivedMessage[] | undefined {
    if (this.#aside !== undefined) return undefined;
    try {
      writeSync(this.#fd, bytes);
    } catch (error) {
      throw sendError(error as NodeJS.ErrnoException, 'netlink send');
    }
    return this.#answers(last);
  }

  /** As `NetlinkTransport.exchangeAside`. */
  exchangeAside(bytes: Uint8Array, last: number): Promise<readonly ReceivedMessage[]> | undefined {
    if (this.#aside !== undefined) return undefined;
    const answers = this.#write(bytes).then(
      () => this.#answers(last),
      (error) => {
        throw sendError(error, 'netlink send');
      },
    );
    const over = () => {
      this.#aside = undefined;
    };
    this.#aside = answers.then(over, over);
    return answers;
  }

  #answers(last: number): readonly ReceivedMessage[] {
    const messages: ReceivedMessage[] = [];
    while (messages.at(-1)?.seq !== last) {
      const size = receiveNow(this.#fd, DATAGRAM);
      if (size === undefined) break;
      messages.push(...decodeMessages(DATAGRAM.slice(0, size)));
    }
    return messages;
  }

  #write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    write(this.#fd, bytes, (error) => (error === null ? resolve() : reject(error)));
    return promise;
  }

  /** No send may be under way; an exchange in the thread pool is waited for. */
  async close(): Promise<void> {
    await this.#aside;
    this.#closed = true;
    closeFd(this.#fd);
  }
}
