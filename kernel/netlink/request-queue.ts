import { errorMessage, Unavailable } from '../../core/errors.ts';
import { Batch } from './batch.ts';
import { Group, type GroupRequest, type Refusals, type StepText, stepText } from './group.ts';
import {
  type Acknowledgement,
  decodeDone,
  decodeError,
  decodeMessages,
  encodeMessages,
  type NetlinkMessage,
  type ReceivedMessage,
} from './message.ts';
import { kernelError, sendError } from './netlink-error.ts';
import { NLM_F, NLMSG } from './netlink-header.ts';
import type { Answer, Waiter } from './waiter.ts';
import { Watchdog } from './watchdog.ts';

/** Requests the kernel may have answered and this side not read; many more would overrun the receive buffer. */
const MAX_IN_FLIGHT = 32;
/** Groups that may be sent and not answered: one that the kernel handles and one whose answer is being read. */
const MAX_GROUPS = 2;
/** How often an interrupted dump is read before it fails. */
const DUMP_ATTEMPTS = 6;

/**
 * One send, resolved when the kernel has handled every message in it.
 * @param isDump the bytes ask for a dump, so nothing may be received until the send has returned.
 */
export type Write = (bytes: Uint8Array, isDump: boolean) => Promise<void>;

/**
 * The one queue of a request socket: numbers messages, sends as many together as may be in flight, and gives each
 * reply to its request. At most one dump runs at a time, because the kernel allows one a socket.
 */
export class RequestQueue {
  readonly #write: Write;
  readonly #read: () => void;
  readonly #plain: (Waiter | Group)[] = [];
  readonly #dumps: Waiter[] = [];
  readonly #batches: Batch[] = [];
  readonly #inFlight = new Map<number, Waiter>();
  readonly #groups: Group[] = [];
  #dumpSeq: number | undefined;
  #batch: Batch | undefined;
  #nextSeq = 1;
  #writing: Promise<void> | undefined;
  readonly #watchdog = new Watchdog(() => this.#lost());
  #closed: Error | undefined;

  /** @param read called when a send has ended and the next one, if any, has begun: answers can be received. */
  constructor(write: Write, read: () => void) {
    this.#write = write;
    this.#read = read;
  }

  /**
   * The messages that came before the acknowledgement of one request.
   * @throws {KernelError} when the kernel refuses it.
   */
  async request(message: NetlinkMessage, step: StepText): Promise<readonly NetlinkMessage[]> {
    const flags = message.flags | NLM_F.NLM_F_REQUEST | NLM_F.NLM_F_ACK;
    return (await this.#enqueue(this.#plain, { ...message, flags }, step)).replies;
  }

  /** Requests in one send, of which nothing is told but what the kernel refused; one at least. Never rejects. */
  group(requests: readonly GroupRequest[]): Promise<Refusals> {
    const group = new Group(requests);
    if (this.#closed === undefined) this.#plain.push(group);
    else group.fail(this.#closed);
    queueMicrotask(() => this.#pump());
    return group.done;
  }

  /**
   * Every message of a dump, read again when the kernel says that it changed meanwhile. With `each` the messages go
   * there as they come, possibly twice, and the result is empty.
   * @throws {KernelError} when the kernel refuses it; {Unavailable} when it changes at each reading.
   */
  async dump(
    message: NetlinkMessage,
    step: string,
    each?: (reply: NetlinkMessage) => void,
  ): Promise<readonly NetlinkMessage[]> {
    const flags = message.flags | NLM_F.NLM_F_REQUEST | NLM_F.NLM_F_DUMP;
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      const answer = await this.#enqueue(this.#dumps, { ...message, flags }, step, each);
      if (!answer.interrupted) return answer.replies;
    }
    throw new Unavailable(`${step}: the list changed during each of ${DUMP_ATTEMPTS} readings`, { step });
  }

  /**
   * Sends messages in one send of their own (an nfnetlink batch).
   * @throws {KernelError} with the first refusal.
   */
  batch(messages: readonly NetlinkMessage[], steps: readonly string[]): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const batch = new Batch(messages, steps);
    if (!batch.empty) this.#batches.push(batch);
    queueMicrotask(() => this.#pump());
    return batch.done;
  }

  /** Nothing has been asked that is not answered, so whatever arrives next answers what is sent next. */
  get idle(): boolean {
    const queued = this.#plain.length + this.#dumps.length + this.#batches.length;
    return queued === 0 && !this.awaits && this.#writing === undefined && this.#closed === undefined;
  }

  /** Takes one received datagram. Never throws: bytes that make no sense fail whatever waits. */
  receive(datagram: Uint8Array): void {
    this.#watchdog.heard();
    try {
      for (const message of decodeMessages(datagram)) this.#take(message);
    } catch (error) {
      this.#failAll(error instanceof Error ? error : new Unavailable(errorMessage(error)));
    }
    this.#pump();
  }

  /** Fails everything that waits and what comes later; resolves when no send is under way. */
  async close(reason: Error): Promise<void> {
    this.#closed ??= reason;
    this.#watchdog.unwatch();
    this.#failAll(this.#closed);
    await this.#writing;
  }

  #enqueue(
    queue: (Waiter | Group)[],
    message: NetlinkMessage,
    step: StepText,
    each?: (reply: NetlinkMessage) => void,
  ): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    queue.push({ message, step, replies: [], each, interrupted: false, resolve, reject });
    // Requests made in one turn of the loop go in one send.
    queueMicrotask(() => this.#pump());
    return promise;
  }

  /** Starts the next send, if none is under way and something may go. */
  #pump(): void {
    if (this.#writing !== undefined || this.#closed !== undefined) return;
    if (this.#batch === undefined && this.#batches.length > 0) this.#sendBatch();
    else if (this.#groupIsNext()) this.#sendGroup();
    else this.#sendWaiters();
  }

  #sendBatch(): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#batch = batch;
    batch.firstSeq = this.#takeSeq(batch.messages.length);
    this.#send(batch.messages, batch.firstSeq, false, (error) => {
      batch.fail(sendError(error, batch.stepOf(0)));
      this.#batch = undefined;
    });
  }

  /** A dump goes before a group, as it does before other requests. */
  #groupIsNext(): boolean {
    return this.#plain[0] instanceof Group && (this.#dumps.length === 0 || this.#dumpSeq !== undefined);
  }

  #sendGroup(): void {
    const [group] = this.#plain;
    if (!(group instanceof Group) || this.#groups.length >= MAX_GROUPS) return;
    this.#plain.shift();
    this.#groups.push(group);
    group.firstSeq = this.#takeSeq(group.messages.length);
    this.#send(group.messages, group.firstSeq, false, (error) => {
      group.fail(sendError(error, group.stepOf(0)));
      this.#groups.splice(this.#groups.indexOf(group), 1);
    });
  }

  #sendWaiters(): void {
    const waiters = this.#nextWaiters();
    if (waiters.length === 0) return;
    const firstSeq = this.#takeSeq(waiters.length);
    for (const [i, waiter] of waiters.entries()) this.#inFlight.set(firstSeq + i, waiter);
    const messages = waiters.map(({ message }) => message);
    const isDump = this.#dumpSeq === firstSeq;
    this.#send(messages, firstSeq, isDump, (error) => {
      for (const [i, waiter] of waiters.entries()) {
        this.#settle(firstSeq + i)?.reject(sendError(error, stepText(waiter.step)));
      }
    });
  }

  #nextWaiters(): Waiter[] {
    const dump = this.#dumpSeq === undefined ? this.#dumps.shift() : undefined;
    if (dump !== undefined) {
      this.#dumpSeq = this.#nextSeq;
      return [dump];
    }
    // Half the window at once, so that acknowledgements do not trickle into sends of one message each.
    const free = MAX_IN_FLIGHT - this.#inFlight.size;
    if (free < MAX_IN_FLIGHT / 2) return [];
    const waiters: Waiter[] = [];
    for (const each of this.#plain) {
      if (each instanceof Group || waiters.length === free) break;
      waiters.push(each);
    }
    this.#plain.splice(0, waiters.length);
    return waiters;
  }

  #takeSeq(count: number): number {
    if (this.#nextSeq + count > 0xffff_ffff) this.#nextSeq = 1;
    const first = this.#nextSeq;
    this.#nextSeq += count;
    return first;
  }

  #send(
    messages: readonly NetlinkMessage[],
    firstSeq: number,
    isDump: boolean,
    failed: (error: NodeJS.ErrnoException) => void,
  ): void {
    // The kernel may stay in the send for long, for instance while it loads modules: nothing is lost meanwhile.
    this.#watchdog.unwatch();
    this.#writing = this.#write(encodeMessages(messages, firstSeq), isDump)
      .catch(failed)
      .then(() => {
        this.#writing = undefined;
        this.#watch();
        this.#pump();
        this.#read();
      });
  }

  #take(message: ReceivedMessage): void {
    if (this.#batch?.owns(message.seq) === true) {
      if (this.#batch.take(message)) this.#batch = undefined;
      return;
    }
    const waiter = this.#inFlight.get(message.seq);
    if (waiter === undefined) {
      this.#takeForGroup(message);
      return;
    }
    if (message.type === NLMSG.NLMSG_ERROR) {
      this.#finish(message.seq, decodeError(message));
      return;
    }
    waiter.interrupted ||= (message.flags & NLM_F.NLM_F_DUMP_INTR) !== 0;
    if (message.type === NLMSG.NLMSG_DONE) this.#finish(message.seq, decodeDone(message));
    else if (waiter.each === undefined) waiter.replies.push(message);
    else waiter.each(message);
  }

  #takeForGroup(message: ReceivedMessage): void {
    const at = this.#groups.findIndex((group) => group.owns(message.seq));
    if (this.#groups[at]?.take(message) === true) this.#groups.splice(at, 1);
  }

  #finish(seq: number, ack: Acknowledgement): void {
    const waiter = this.#settle(seq);
    if (ack.errno === 0) waiter?.resolve(waiter);
    else waiter?.reject(kernelError(ack, stepText(waiter.step)));
  }

  #settle(seq: number): Waiter | undefined {
    const waiter = this.#inFlight.get(seq);
    this.#inFlight.delete(seq);
    if (seq === this.#dumpSeq) this.#dumpSeq = undefined;
    return waiter;
  }

  #failAll(error: Error): void {
    for (const each of [...this.#inFlight.values(), ...this.#plain.splice(0), ...this.#dumps.splice(0)]) {
      if (each instanceof Group) each.fail(error);
      else each.reject(error);
    }
    for (const group of this.#groups.splice(0)) group.fail(error);
    this.#inFlight.clear();
    this.#dumpSeq = undefined;
    for (const batch of this.#batches.splice(0)) batch.fail(error);
    this.#batch?.fail(error);
    this.#batch = undefined;
  }

  /** Whether the kernel has been asked something and has not answered. */
  get awaits(): boolean {
    return this.#inFlight.size > 0 || this.#groups.length > 0 || this.#batch !== undefined;
  }

  #watch(): void {
    if (this.awaits && this.#closed === undefined) this.#watchdog.watch();
  }

  #lost(): void {
    if (this.awaits) this.#failAll(new Unavailable('netlink: the answer of the kernel was lost'));
  }
}
