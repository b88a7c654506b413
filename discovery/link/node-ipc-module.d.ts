/** What weft uses of node-ipc 14, which brings no types of its own. */
declare module 'node-ipc' {
  import type { Server as NetServer, Socket } from 'node:net';

  interface Config {
    id: string;
    parser: string;
    allowedEvents: readonly string[];
    silent: boolean;
    maxMessageSize: number;
    maxPendingBytes: number;
    maxConnections: number;
    socketRoot: string;
    secureSocketRoot: boolean;
    retry: number;
    maxRetries: number;
  }
  type Listener = (...parameters: never[]) => void;
  interface Client {
    on(event: string, listener: Listener): Client;
    /** False when the socket's buffer is full. */
    emit(type: string, data: unknown): boolean;
  }
  interface Server {
    readonly server: NetServer | false;
    on(event: string, listener: Listener): Server;
    /** False when the socket's buffer is full. */
    emit(socket: Socket, type: string, data: unknown): boolean;
    start(): void;
    stop(): void;
  }
  export class IPCModule {
    readonly config: Config;
    readonly of: Readonly<Record<string, Client | undefined>>;
    readonly server: Server;
    connectTo(id: string, path: string): void;
    disconnect(id: string): void;
    serve(path: string, started: () => void): void;
  }
}
