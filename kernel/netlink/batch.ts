import { decodeError, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { kernelError } from './netlink-error.ts';
import { NLM_F, NLMSG } from './netlink-header.ts';

/** include/uapi/linux/netfilter/nfnetlink.h: NFNL_MSG_BATCH_BEGIN is 16, NFNL_MSG_BATCH_END 17. */
const NFNL_MSG_BATCH_END = 0x11;

/**
 * One nfnetlink batch on its way: which answers are still missing and the first refusal. The kernel answers in order
 * of the messages after it has committed or aborted; it answers messages that failed and those with NLM_F_ACK. What
 * concerns the batch as a whole (a stale generation, a failed commit) it says with the first message's number, and
 * then nothing else need follow (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch()).
 */
export class Batch {
  readonly messages: readonly NetlinkMessage[];
  readonly done: Promise<void>;
  firstSeq = 0;
  readonly #steps: readonly string[];
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  /** Position of the last message that the kernel will answer in any case. */
  readonly #last: number;
  #failure: Error | undefined;

  constructor(messages: readonly NetlinkMessage[], steps: readonly string[]) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#steps = steps;
    this.#last = messages.findLastIndex(({ type }) => type > NFNL_MSG_BATCH_END);
    this.messages = messages.map((message, index) => ({
      ...message,
      flags: message.flags | NLM_F.NLM_F_REQUEST | (index === this.#last ? NLM_F.NLM_F_ACK : 0),
    }));
    if (this.#last < 0) resolve();
  }

  /** True when there is nothing between the batch's begin and end, so that nothing need be sent. */
  get empty(): boolean {
    return this.#last < 0;
  }

  /** Whether a received message answers one of this batch. */
  owns(seq: number): boolean {
    return seq >= this.firstSeq && seq < this.firstSeq + this.messages.length;
  }

  stepOf(index: number): string {
    return this.#steps[index] ?? `message ${index} of ${this.messages.length}`;
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  /**
   * Takes one message for this batch; true when the batch is settled by it.
   * @throws {DecodeError}
   */
  take(message: ReceivedMessage): boolean {
    if (message.type !== NLMSG.NLMSG_ERROR) return false;
    const ack = decodeError(message);
    const index = message.seq - this.firstSeq;
    if (ack.errno !== 0) this.#failure ??= kernelError(ack, this.stepOf(index), index);
    const whole = index === 0 && ack.errno !== 0;
    if (!whole && index < this.#last) return false;
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure);
    return true;
  }
}
