import { Client } from 'undici';

/** What a call gave, and how long the caller waited. */
export interface PluginAnswer {
  readonly ms: number;
  readonly answer: Readonly<Record<string, unknown>>;
}

/** Calls one plugin socket as an engine does: one connection, kept open, one call at a time. */
export class PluginClient implements AsyncDisposable {
  readonly #client: Client;

  constructor(socketPath: string) {
    this.#client = new Client('http://plugin.moby.localhost', { socketPath, pipelining: 1 });
  }

  /** @throws {Error} with the plugin's reason when it refuses. */
  async call(method: string, argument: object): Promise<PluginAnswer> {
    const body = `${JSON.stringify(argument)}\n`;
    const headers = { accept: 'application/vnd.docker.plugins.v1.2+json' };
    const started = performance.now();
    const response = await this.#client.request({ method: 'POST', path: `/${method}`, headers, body });
    const text = await response.body.text();
    const ms = performance.now() - started;
    const answer = JSON.parse(text) as Record<string, unknown>;
    const refusal = answer['Err'];
    if (response.statusCode !== 200 || (typeof refusal === 'string' && refusal !== '')) {
      throw new Error(`${method}: ${response.statusCode}: ${text}`);
    }
    return { ms, answer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
}
