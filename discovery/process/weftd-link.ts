import { IPCModule } from 'node-ipc';
import { errorMessage } from '../../core/errors.ts';
import { decodeFeedMessage, type FeedMessage } from '../feed/index.ts';
import {
  CHANNEL_SETTINGS,
  decodeOrder,
  EVENTS,
  type Order,
  type Report,
  type ResolverFiles,
} from '../link/index.ts';
import type { DiscoveryLog } from '../server/index.ts';

/** weftd is looked for this often; a connection to a socket that nobody listens at fails at once. */
const RETRY_MS = 100;
const WEFTD = 'weftd';

export interface WeftdLinkParts {
  readonly files: ResolverFiles;
  readonly log: DiscoveryLog;
  /** A weftd is there that knows nothing of this process yet. */
  readonly onConnect: () => void;
  readonly onFeed: (message: FeedMessage) => void;
  readonly onOrder: (order: Order) => void;
}

/** The connection to weftd, made again whenever it ends. What node-ipc hands over is checked before it is believed. */
export class WeftdLink implements Disposable {
  readonly #parts: WeftdLinkParts;
  readonly #ipc = new IPCModule();
  #connected = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(parts: WeftdLinkParts) {
    this.#parts = parts;
    // It gives up at its first failure, and the next attempt is ours: after a message it refuses it would never retry.
    Object.assign(this.#ipc.config, CHANNEL_SETTINGS, { id: 'resolver', maxRetries: 0 });
    this.#connect();
  }

  /** Whether it goes to weftd; what does not is lost. */
  report(report: Report): boolean {
    if (!this.#connected) return false;
    try {
      this.#ipc.of[WEFTD]?.emit(EVENTS.report, report);
      return true;
    } catch (error) {
      // Over the size limit: nothing but a line of the log can be.
      process.stderr.write(`report to weftd: ${errorMessage(error)}\n`);
      return false;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    this.#connected = false;
    this.#ipc.disconnect(WEFTD);
  }

  #connect(): void {
    this.#ipc.connectTo(WEFTD, this.#parts.files.socket);
    const client = this.#ipc.of[WEFTD];
    client?.on('connect', () => {
      this.#connected = true;
      this.#parts.onConnect();
    });
    client?.on('destroy', () => {
      this.#connected = false;
      this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
    });
    client?.on(EVENTS.feed, (data: unknown) =>
      this.#guard(() => this.#parts.onFeed(decodeFeedMessage(data))),
    );
    client?.on(EVENTS.order, (data: unknown) => this.#guard(() => this.#parts.onOrder(decodeOrder(data))));
  }

  /** An error thrown through node-ipc would end the process. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#parts.log.error({ error: errorMessage(error) }, 'a message of weftd has no effect');
    }
  }
}
