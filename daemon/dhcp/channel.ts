import { DecodeError, errorMessage } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import { type DhcpMessage, decodeMessage, encodeMessage, type Sending } from '../../ipam/dhcp/index.ts';
import { DhcpSocket } from '../../kernel/packet/index.ts';

/** What is worth a line in the log. pino's loggers are such. */
export interface DhcpLog {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** How the channel hears of clients, and they of it. */
export interface DhcpEars {
  /** A message for whoever waits for it. */
  heard(device: IfName, message: DhcpMessage, from: Mac): void;
  /** Whether some client of the device waits for an answer. */
  awaits(device: IfName): boolean;
}

/** How often sockets are looked at after something was sent, and later while an answer is still awaited. */
const SOON_MS = 10;
const LATER_MS = 250;
/** Answers come within a few milliseconds, or within seconds when the server pings an address before it offers it. */
const SOON_FOR_MS = 4000;
/** Frames taken in one go: a turn of the event loop stays short. */
const MOST_IN_ONE_GO = 64;

/**
 * One socket a device for all its clients. Node cannot wait for a packet socket to become readable, so while an answer
 * is awaited the sockets are looked at by a timer; otherwise not at all.
 */
export class DhcpChannel implements Disposable {
  readonly #sockets = new Map<IfName, DhcpSocket>();
  readonly #ears: DhcpEars;
  readonly #log: DhcpLog;
  #timer: NodeJS.Timeout | undefined;
  #soonUntil = 0;

  constructor(ears: DhcpEars, log: DhcpLog) {
    this.#ears = ears;
    this.#log = log;
  }

  /**
   * @throws {KernelError} when the device is not there, or down: as if the message had been lost on the way.
   */
  send(device: IfName, { message, from, to }: Sending): void {
    this.#socket(device).send(encodeMessage(message), { mac: message.chaddr, ip: from }, to);
    this.#soonUntil = performance.now() + SOON_FOR_MS;
    this.#look(SOON_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const socket of this.#sockets.values()) socket[Symbol.dispose]();
    this.#sockets.clear();
  }

  /** A device that was made again is another one, with another index. */
  #socket(device: IfName): DhcpSocket {
    const open = this.#sockets.get(device);
    if (open !== undefined && !open.stale) return open;
    open?.[Symbol.dispose]();
    this.#sockets.delete(device);
    const made = new DhcpSocket(device);
    this.#sockets.set(device, made);
    return made;
  }

  #look(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#receive(), ms).unref();
  }

  #receive(): void {
    const awaited = [...this.#sockets].filter(([device]) => this.#ears.awaits(device));
    for (const [device, socket] of awaited) this.#drain(device, socket);
    if (awaited.length > 0) this.#look(performance.now() < this.#soonUntil ? SOON_MS : LATER_MS);
  }

  #drain(device: IfName, socket: DhcpSocket): void {
    try {
      for (let taken = 0; taken < MOST_IN_ONE_GO; taken++) {
        const { more, datagram } = socket.receive();
        if (!more) return;
        if (datagram !== undefined) this.#read(device, datagram.payload, datagram.from);
      }
    } catch (error) {
      // The device went down: what was sent is repeated anyway.
      this.#log.debug({ device, err: errorMessage(error) }, 'DHCP socket');
    }
  }

  #read(device: IfName, payload: Uint8Array, from: Mac): void {
    try {
      this.#ears.heard(device, decodeMessage(payload), from);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#log.debug({ device, from, err: error.message }, 'unreadable DHCP message');
    }
  }
}
