import { chmodSync, mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { IPCModule } from 'node-ipc';
import { errorMessage, Unavailable } from '../../core/errors.ts';
import {
  CHANNEL_SETTINGS,
  decodeReport,
  EVENTS,
  type FeedMessage,
  type Order,
  type Report,
  type ResolverFiles,
} from '../../discovery/index.ts';
import type { ResolverLog } from './log.ts';

/** Four processes at most, two of each of two versions, have a reason to be connected; others would be strays. */
const MOST_CONNECTIONS = 8;

/** A connected resolver process. */
export interface ProcessConnection {
  /** Resolves when the next message may follow; what is sent to a process that is gone is lost. */
  feed(message: FeedMessage): Promise<void>;
  order(order: Order): void;
  disconnect(): void;
}

export interface ProcessServerParts {
  readonly files: ResolverFiles;
  readonly log: ResolverLog;
  readonly onReport: (connection: ProcessConnection, report: Report) => void;
  readonly onDisconnect: (connection: ProcessConnection) => void;
}

/** Where resolver processes find weftd: a Unix socket for root alone. */
export class ProcessServer implements AsyncDisposable {
  readonly #parts: ProcessServerParts;
  readonly #ipc = new IPCModule();
  readonly #connections = new Map<Socket, ProcessConnection>();

  private constructor(parts: ProcessServerParts) {
    this.#parts = parts;
    Object.assign(this.#ipc.config, CHANNEL_SETTINGS, {
      id: 'weftd',
      socketRoot: parts.files.directory,
      maxConnections: MOST_CONNECTIONS,
    });
  }

  /** @throws {Unavailable} when the socket cannot be made. */
  static async open(parts: ProcessServerParts): Promise<ProcessServer> {
    const server = new ProcessServer(parts);
    await server.#listen();
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ipc.server.stop();
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #listen(): Promise<void> {
    const { files, log } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    mkdirSync(files.directory, { recursive: true, mode: 0o700 });
    this.#ipc.serve(files.socket, () => {
      chmodSync(files.socket, 0o600);
      resolve();
    });
    const { server } = this.#ipc;
    server.on(EVENTS.report, (data: unknown, socket: Socket) => this.#report(data, socket));
    server.on('socket.disconnected', (socket: Socket) => this.#gone(socket));
    server.on('error', (error: Error) => {
      reject(new Unavailable(`listen at ${files.socket}: ${error.message}`, {}, { cause: error }));
      log.debug({ error: error.message }, 'a connection of a resolver process failed');
    });
    try {
      server.start();
    } catch (cause) {
      reject(new Unavailable(`listen at ${files.socket}: ${errorMessage(cause)}`, {}, { cause }));
    }
    return promise;
  }

  /** An error thrown through node-ipc would end weftd. */
  #report(data: unknown, socket: Socket): void {
    try {
      this.#parts.onReport(this.#connection(socket), decodeReport(data));
    } catch (error) {
      this.#parts.log.error({ error: errorMessage(error) }, 'a report of a resolver process has no effect');
    }
  }

  #gone(socket: Socket): void {
    const connection = this.#connections.get(socket);
    this.#connections.delete(socket);
    if (connection !== undefined) this.#parts.onDisconnect(connection);
  }

  #connection(socket: Socket): ProcessConnection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection: ProcessConnection = {
      feed: async (message) => {
        if (this.#emit(socket, EVENTS.feed, message)) return;
        await new Promise<void>((resolve) => {
          socket.once('drain', resolve);
          socket.once('close', resolve);
          if (socket.destroyed || !socket.writableNeedDrain) resolve();
        });
      },
      order: (order) => void this.#emit(socket, EVENTS.order, order),
      disconnect: () => socket.destroy(),
    };
    this.#connections.set(socket, connection);
    return connection;
  }

  /** False when the socket is full. */
  #emit(socket: Socket, event: string, data: FeedMessage | Order): boolean {
    if (socket.destroyed) return true;
    try {
      return this.#ipc.server.emit(socket, event, data);
    } catch (error) {
      this.#parts.log.error({ error: errorMessage(error) }, 'a message to the resolver process is too large');
      return true;
    }
  }
}
