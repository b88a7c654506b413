import { Unavailable } from '../../core/errors.ts';
import { inNamespace } from '../libc/index.ts';
import type { GroupRequest, Refusals, StepText } from './group.ts';
import type { NetlinkMessage, ReceivedMessage } from './message.ts';
import { RequestQueue } from './request-queue.ts';
import { RequestSocket } from './request-socket.ts';

/** Payload after struct nlmsghdr; the transport adds NLM_F_REQUEST, sequence number and port. */
export type NetlinkRequest = NetlinkMessage;
export type NetlinkReply = NetlinkMessage;
/** An answer, with its number. */
export type NetlinkAnswer = ReceivedMessage;

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
  exchangeNow(bytes: Uint8Array, last: number): readonly NetlinkAnswer[] | undefined;
  /**
   * As `exchangeNow`, with the send in the thread pool: so the kernel works for several sockets at once. Whatever is
   * asked meanwhile waits.
   * @returns undefined, with nothing sent, while anything else is under way on this socket or after its end.
   */
  exchangeAside(bytes: Uint8Array, last: number): Promise<readonly NetlinkAnswer[]> | undefined;
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
  const open = () => new RequestSocket(options.protocol);
  const socket = options.namespace === undefined ? open() : inNamespace(options.namespace, open);
  const queue = new RequestQueue(
    (bytes, isDump) => socket.send(bytes, isDump),
    () =>
      socket.read(
        (datagram) => queue.receive(datagram),
        () => queue.awaits,
      ),
  );
  return {
    port: socket.port,
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
    exchangeNow: (bytes, last) => (queue.idle ? socket.exchange(bytes, last) : undefined),
    exchangeAside: (bytes, last) => (queue.idle ? socket.exchangeAside(bytes, last) : undefined),
    [Symbol.asyncDispose]: async () => {
      // The descriptor must not be closed, and its number reused, while a send in the thread pool holds it.
      await queue.close(new Unavailable('netlink transport is closed'));
      await socket.close();
    },
  };
}
