import { decodeError, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { kernelError } from './netlink-error.ts';
import { NLM_F, NLMSG } from './netlink-header.ts';

/** What is being done, in words, for an error; made only when there is one. */
export type StepText = string | (() => string);

export function stepText(step: StepText): string {
  return typeof step === 'string' ? step : step();
}

/** A request of a group. */
export interface GroupRequest extends NetlinkMessage {
  readonly step: StepText;
}

/** The refusal of each request, undefined where it was done. */
export type Refusals = readonly (Error | undefined)[];

/**
 * Requests of which nothing need be known but whether the kernel refused them, in one send. Only the last one asks
 * for an acknowledgement: the kernel handles a send in order and reports refusals unasked, so when it has answered the
 * last, what it did not refuse before is done (net/netlink/af_netlink.c: netlink_rcv_skb()).
 */
export class Group {
  readonly messages: readonly NetlinkMessage[];
  readonly done: Promise<Refusals>;
  firstSeq = 0;
  readonly #requests: readonly GroupRequest[];
  readonly #refusals: (Error | undefined)[];
  readonly #resolve: (refusals: Refusals) => void;

  /** @param requests one at least. */
  constructor(requests: readonly GroupRequest[]) {
    const { promise, resolve } = Promise.withResolvers<Refusals>();
    this.done = promise;
    this.#resolve = resolve;
    this.#requests = requests;
    this.#refusals = requests.map(() => undefined);
    const last = requests.length - 1;
    this.messages = requests.map(({ type, flags, payload }, index) => ({
      type,
      flags: flags | NLM_F.NLM_F_REQUEST | (index === last ? NLM_F.NLM_F_ACK : 0),
      payload,
    }));
  }

  /** Whether a received message answers one of this group. */
  owns(seq: number): boolean {
    return seq >= this.firstSeq && seq < this.firstSeq + this.messages.length;
  }

  stepOf(index: number): string {
    const step = this.#requests[index]?.step;
    return step === undefined ? `request ${index} of ${this.messages.length}` : stepText(step);
  }

  /** Nothing more will be heard: whatever is not known to be refused failed like this. */
  fail(error: Error): void {
    this.#resolve(this.#refusals.map((refusal) => refusal ?? error));
  }

  /**
   * Takes one message for this group; true when the group is settled by it.
   * @throws {DecodeError}
   */
  take(message: ReceivedMessage): boolean {
    if (message.type !== NLMSG.NLMSG_ERROR) return false;
    const ack = decodeError(message);
    const index = message.seq - this.firstSeq;
    if (ack.errno !== 0) this.#refusals[index] = kernelError(ack, this.stepOf(index));
    if (index < this.messages.length - 1) return false;
    this.#resolve(this.#refusals);
    return true;
  }
}
