import type { Socket } from 'node:net';
import type { Answerer } from './answerer.ts';
import { FrameReader, frame } from './frames.ts';
import type { SandboxLimits } from './limits.ts';

/**
 * One client over TCP: queries may follow each other without waiting, and are answered as answers come (RFC 7766
 * section 6.2.1.1). A client that sends faster than it reads is not read from.
 */
export class TcpConnection {
  readonly #socket: Socket;
  readonly #answerer: Answerer;
  readonly #limits: SandboxLimits;
  readonly #frames = new FrameReader();
  /** Counts from the last whole query or reply, so that single bytes now and then do not keep a connection. */
  readonly #idle: NodeJS.Timeout;
  #inFlight = 0;
  #ended = false;

  constructor(socket: Socket, answerer: Answerer, limits: SandboxLimits) {
    this.#socket = socket;
    this.#answerer = answerer;
    this.#limits = limits;
    this.#idle = setTimeout(() => this.#idled(), limits.idleMs);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#frames.push(chunk);
      this.#work();
    });
    socket.on('drain', () => this.#work());
    socket.on('end', () => {
      this.#ended = true;
      this.#work();
    });
    // Clients reset connections as they like; `close` follows.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => clearTimeout(this.#idle));
  }

  #work(): void {
    while (this.#mayTake()) {
      const query = this.#frames.take();
      if (query === undefined) break;
      this.#idle.refresh();
      const reply = this.#answerer.answer(query, 'tcp');
      if (reply instanceof Promise) this.#later(reply);
      else if (reply !== undefined) this.#socket.write(frame(reply));
    }
    if (this.#mayTake()) this.#socket.resume();
    else this.#socket.pause();
    if (this.#ended && this.#inFlight === 0 && !this.#socket.writableNeedDrain) this.#socket.end();
  }

  #mayTake(): boolean {
    const { writableNeedDrain, destroyed } = this.#socket;
    return this.#inFlight < this.#limits.pipelined && !writableNeedDrain && !destroyed;
  }

  #later(reply: Promise<Buffer>): void {
    this.#inFlight += 1;
    void reply.then((late) => {
      this.#inFlight -= 1;
      if (this.#socket.destroyed) return;
      this.#idle.refresh();
      if (this.#socket.writable) this.#socket.write(frame(late));
      this.#work();
    });
  }

  #idled(): void {
    if (this.#inFlight > 0) this.#idle.refresh();
    else this.#socket.destroy();
  }
}
