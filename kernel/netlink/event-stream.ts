import { DecodeError } from '../../core/errors.ts';
import { decodeMessages, type ReceivedMessage } from './message.ts';

/** So many notifications without a pause may mean that others were lost: look at the drop counter. */
const BURST = 256;
/** A pause that ends a burst. */
const PAUSE_MS = 50;

/** Turns datagrams of an event socket into notifications and notices when the kernel dropped some. */
export class EventStream {
  readonly #sink: { onMessage(message: ReceivedMessage): void; onOverrun(): void };
  readonly #drops: () => number;
  #seen = 0;
  #burst = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param drops reads the socket's drop counter. */
  constructor(sink: { onMessage(message: ReceivedMessage): void; onOverrun(): void }, drops: () => number) {
    this.#sink = sink;
    this.#drops = drops;
  }

  /** Hands on what a datagram holds. A datagram that cannot be read counts as lost. */
  receive(datagram: Uint8Array): void {
    if (this.#closed) return;
    try {
      for (const message of decodeMessages(datagram)) this.#sink.onMessage(message);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#sink.onOverrun();
    }
    this.#burst++;
    this.#timer ??= setTimeout(() => this.#pause(), PAUSE_MS);
  }

  /** The socket is unusable: everything from now on is lost. */
  fail(): void {
    if (!this.#closed) this.#sink.onOverrun();
    this.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #pause(): void {
    this.#timer = undefined;
    const burst = this.#burst >= BURST;
    this.#burst = 0;
    if (!burst) return;
    const drops = this.#drops();
    if (drops !== this.#seen) this.#sink.onOverrun();
    this.#seen = drops;
  }
}
