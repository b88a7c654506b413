import type { Socket } from 'node:dgram';
import type { Answerer } from './answerer.ts';
import type { Datagrams, Sender } from './datagrams.ts';
import type { DiscoveryLog } from './log.ts';

/** Sends a datagram from where a listener's socket was. */
export type LateSender = (reply: Buffer, to: Sender) => void;

/** Batches taken in one turn of the event loop, some hundred microseconds: other sandboxes wait meanwhile. */
const BATCHES = 4;

/** Answers the queries that come by a bound datagram socket. It owns the socket from now on. */
export class UdpListener implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #answerer: Answerer;
  readonly #log: DiscoveryLog;
  readonly #datagrams: Datagrams | undefined;
  readonly #closed = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<void>();
  #open = true;
  #inFlight = 0;
  #batches = BATCHES;
  /** Sends what is answered after the socket was closed. */
  #late: LateSender | undefined;

  /** @param datagrams of the same socket. */
  constructor(socket: Socket, answerer: Answerer, log: DiscoveryLog, datagrams?: Datagrams) {
    this.#socket = socket;
    this.#answerer = answerer;
    this.#log = log;
    this.#datagrams = datagrams;
    socket.on('message', (packet, from) => {
      this.#query(packet, from);
      this.#queries();
    });
    socket.on('error', (error) => log.warn({ error: error.message }, 'a resolver socket failed'));
    socket.once('close', () => {
      this.#open = false;
      this.#closed.resolve();
    });
  }

  /** Receives nothing more; resolves when what was asked is answered. */
  async drained(late: LateSender): Promise<void> {
    if (!this.#open) return;
    this.#late = late;
    await this[Symbol.asyncDispose]();
    if (this.#inFlight > 0) await this.#answered.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#open) {
      this.#open = false;
      this.#socket.close();
    }
    await this.#closed.promise;
  }

  #query(packet: Buffer, from: Sender): void {
    // A raw socket can send from port 0; Node throws when asked to send there.
    if (from.port === 0) return;
    const reply = this.#answerer.answer(packet, 'udp');
    if (reply instanceof Promise) this.#later(reply, from);
    else if (reply !== undefined) this.#send(reply, from);
  }

  /** What waits behind a query: where one client asks much, most of all. */
  #queries(): void {
    while (this.#open && this.#batches > 0 && this.#datagrams?.exchange(this.#answer) === true) {
      if (this.#batches === BATCHES) {
        setImmediate(() => {
          this.#batches = BATCHES;
        });
      }
      this.#batches -= 1;
    }
  }

  readonly #answer = (packet: Buffer, sender: () => Sender): Buffer | undefined => {
    const reply = this.#answerer.answer(packet, 'udp');
    if (!(reply instanceof Promise)) return reply;
    this.#later(reply, sender());
    return undefined;
  };

  #later(reply: Promise<Buffer>, from: Sender): void {
    this.#inFlight += 1;
    void reply.then((late) => {
      this.#send(late, from);
      this.#inFlight -= 1;
      if (this.#inFlight === 0 && !this.#open) this.#answered.resolve();
    });
  }

  #send(reply: Buffer, to: Sender): void {
    if (!this.#open) this.#late?.(reply, to);
    else if (this.#datagrams !== undefined) this.#datagrams.send(reply, to);
    else this.#socket.send(reply, to.port, to.address, this.#sent);
  }

  readonly #sent = (error: Error | null): void => {
    // The asker may be gone; it is none of the resolver's trouble.
    if (error !== null) this.#log.debug({ error: error.message }, 'a reply could not be sent');
  };
}
