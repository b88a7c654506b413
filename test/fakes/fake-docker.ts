import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';

/** A container as a test describes it. */
export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
  readonly health?: string;
  /** By network name. */
  readonly networks: Readonly<
    Record<string, { readonly endpoint: string; readonly aliases?: readonly string[] }>
  >;
}

interface Known extends FakeContainer {
  readonly running: boolean;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** The part of the Engine API that tells of containers, on a Unix socket: lists, details and the stream of events. */
export class FakeDocker implements AsyncDisposable {
  readonly path: string;
  readonly #containers = new Map<string, Known>();
  readonly #streams = new Set<ServerResponse>();
  #server: Server | undefined;
  /** How often each container was inspected. */
  readonly inspected: string[] = [];

  private constructor(path: string) {
    this.path = path;
  }

  static async start(path: string): Promise<FakeDocker> {
    const docker = new FakeDocker(path);
    await docker.up();
    return docker;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request.url ?? '', response));
    this.#server = server;
    server.listen(this.path);
    await once(server, 'listening');
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    server?.closeAllConnections();
    this.#streams.clear();
    if (server !== undefined) await once(server, 'close');
  }

  /** How many follow the events. */
  get followers(): number {
    return this.#streams.size;
  }

  /** Starts a container; `quietly` without a word of it. */
  run(container: FakeContainer, how?: 'quietly'): void {
    const now = Date.now();
    this.#containers.set(container.id, { ...container, running: true, startedAt: now, finishedAt: 0 });
    if (how === undefined) this.#tell('container', 'start', container.id);
  }

  change(id: string, change: Partial<FakeContainer>, action: string): void {
    this.#containers.set(id, { ...this.#get(id), ...change });
    this.#tell('container', action, id);
  }

  /** A container joins or leaves networks while it runs. */
  reconnect(id: string, networks: FakeContainer['networks']): void {
    this.#containers.set(id, { ...this.#get(id), networks });
    this.#tell('network', 'connect', 'n', { container: id });
  }

  signal(id: string, signal: number): void {
    this.#tell('container', 'kill', id, { signal: String(signal) });
  }

  /** The container ends, and leaves its networks. */
  die(id: string): void {
    const known = this.#get(id);
    const networks = Object.fromEntries(Object.keys(known.networks).map((name) => [name, { endpoint: '' }]));
    this.#containers.set(id, { ...known, running: false, finishedAt: Date.now(), networks });
    this.#tell('container', 'die', id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #get(id: string): Known {
    const known = this.#containers.get(id);
    if (known === undefined) throw new Error(`no container ${id}`);
    return known;
  }

  #tell(type: string, action: string, id: string, attributes: Record<string, string> = {}): void {
    const event = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      timeNano: Date.now() * 1e6,
    };
    for (const stream of this.#streams) stream.write(`${JSON.stringify(event)}\n`);
  }

  #answer(url: string, response: ServerResponse): void {
    const path = url.split('?')[0] ?? '';
    const id = /^\/containers\/([^/]+)\/json$/.exec(path)?.[1];
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      this.#streams.add(response);
      response.once('close', () => this.#streams.delete(response));
    } else if (path === '/containers/json') {
      const running = [...this.#containers.values()].filter((each) => each.running);
      send(
        response,
        200,
        running.map((each) => ({ Id: each.id })),
      );
    } else if (id === undefined) send(response, 404, { message: 'page not found' });
    else {
      this.inspected.push(id);
      const known = this.#containers.get(id);
      if (known === undefined) send(response, 404, { message: `no such container: ${id}` });
      else send(response, 200, detail(known));
    }
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function detail(container: Known): object {
  const { id, name, labels = {}, running, startedAt, finishedAt, health, stopSignal } = container;
  return {
    Id: id,
    Name: `/${name}`,
    State: {
      Running: running,
      StartedAt: time(startedAt),
      FinishedAt: time(finishedAt),
      ...(health === undefined ? {} : { Health: { Status: health } }),
    },
    Config: { Labels: labels, ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }) },
    NetworkSettings: {
      Networks: Object.fromEntries(
        Object.entries(container.networks).map(([network, { endpoint, aliases }]) => [
          network,
          { NetworkID: network, EndpointID: endpoint, Aliases: aliases ?? null },
        ]),
      ),
    },
  };
}

function time(ms: number): string {
  return ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString();
}
