import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type CallContext, CallRunner } from './call-runner.ts';
import type { Method } from './method.ts';
import { pluginApp } from './plugin-app.ts';
import { SocketFile } from './socket-file.ts';

/** What one plugin socket is made of. */
export interface PluginSocketOptions extends CallContext {
  readonly directory: string;
  readonly methods: readonly Method[];
}

/** One plugin at its Unix socket, from `open` to `close`. */
export class PluginSocket {
  readonly #app: FastifyInstance;
  readonly #file: SocketFile;
  readonly #runner: CallRunner;
  readonly #graceMs: number;
  #unanswered = 0;
  #closing = false;
  #answered: (() => void) | undefined;

  private constructor(app: FastifyInstance, file: SocketFile, runner: CallRunner, graceMs: number) {
    this.#app = app;
    this.#file = file;
    this.#runner = runner;
    this.#graceMs = graceMs;
    this.#countRequests();
  }

  /**
   * Resolves when the socket answers.
   * @throws {Conflict} when another process answers there already.
   * @throws {InvalidArgument} when its path would be too long.
   */
  static async open(options: PluginSocketOptions): Promise<PluginSocket> {
    const file = new SocketFile(options.directory, options.plugin);
    await file.prepare(options.directory);
    const runner = new CallRunner(options);
    const app = pluginApp({ ...options, runner });
    const socket = new PluginSocket(app, file, runner, options.deadlines.callMs);
    try {
      await app.listen({ path: file.bindPath });
      await file.publish();
    } catch (error) {
      await socket.close();
      throw error;
    }
    return socket;
  }

  /** Absolute path of the socket file. */
  get path(): string {
    return this.#file.path;
  }

  /**
   * Stops accepting, lets running calls end and their answers leave, then removes the socket file. Waits one call
   * deadline at most. Never rejects for a call that fails.
   */
  async close(): Promise<void> {
    this.#closing = true;
    this.#app.server.close();
    const drained = Promise.all([this.#allAnswered(), this.#runner.idle()]);
    await withinMs(drained, this.#graceMs);
    this.#app.server.closeAllConnections();
    await this.#app.close();
    await this.#file.remove();
  }

  #countRequests(): void {
    this.#app.addHook('onRequest', (_request, reply, next) => {
      this.#unanswered++;
      // Comes when the answer has left, and when nobody is there to take it.
      reply.raw.once('close', () => {
        this.#unanswered--;
        if (this.#unanswered === 0) this.#answered?.();
      });
      next();
    });
    this.#app.addHook('onSend', (_request, reply, _payload, next) => {
      if (this.#closing) reply.header('connection', 'close');
      next();
    });
  }

  #allAnswered(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }
}

async function withinMs(work: Promise<unknown>, limitMs: number): Promise<void> {
  const limit = new AbortController();
  const waited = delay(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
  await Promise.race([work, waited]);
  limit.abort();
}
