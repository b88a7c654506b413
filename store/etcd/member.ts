import type { Dispatcher } from 'undici';
import { Client, Pool } from 'undici';
import { type EtcdEndpoint, formatOrigin } from './endpoints.ts';

/** Connections for requests to one member; each watch has one of its own. */
const CONNECTIONS = 4;
/** A connection that was idle for so long is closed: well below what firewalls and proxies forget. */
const IDLE_MS = 15_000;
/** When the kernel begins to ask whether a silent peer still lives. */
const KEEP_ALIVE_MS = 2000;

/** PEM texts: authorities for the members' certificates, and this client's own certificate with its key. */
export interface EtcdTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One etcd member: its connections. Nothing is sent before the first request. */
export class Member implements Disposable {
  /** As messages call it. */
  readonly origin: string;
  #pool: Dispatcher;
  readonly #tls: boolean;
  #answered = false;
  readonly #options: Client.Options;

  /** @param connectMs how long a connection may take to come up. */
  constructor(endpoint: EtcdEndpoint, tls: EtcdTls, connectMs: number) {
    this.origin = formatOrigin(endpoint);
    this.#tls = endpoint.tls;
    const connect = { ...tls, timeout: connectMs, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    this.#options = {
      // Over HTTP/2 undici gives up on all requests of a connection together; the gateway needs HTTP/1.1 only.
      allowH2: false,
      connect,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
    };
    this.#pool = this.#newPool();
  }

  /** For requests that are answered at once. */
  get pool(): Dispatcher {
    return this.#pool;
  }

  /** Notes that it has answered a request. */
  answered(): void {
    this.#answered = true;
  }

  /**
   * Why a connection failed, with what an operator may look at. In TLS 1.3 the server looks at the client's certificate
   * after the client thinks that it is connected, and closes (RFC 8446 section 4.4.2.4).
   */
  explain(reason: string): string {
    if (!this.#tls || this.#answered || !reason.includes('other side closed')) return reason;
    return `${reason}, as when it does not accept the client's certificate or wants one`;
  }

  /** New requests get new connections: the way that one of them failed on, the others may have failed on too. */
  renew(): void {
    // Never rejects: it waits for what is under way, and each request has its own time.
    void this.#pool.close();
    this.#pool = this.#newPool();
  }

  /** A connection for one stream; the caller destroys it. */
  connection(): Dispatcher {
    return new Client(this.origin, this.#options);
  }

  /** Cuts every connection of the pool. */
  [Symbol.dispose](): void {
    // Not waited for: nothing keeps the process alive until idle connections have said that they are closed.
    void this.#pool.destroy();
  }

  #newPool(): Dispatcher {
    return new Pool(this.origin, { ...this.#options, connections: CONNECTIONS });
  }
}
