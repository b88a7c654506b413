import type { Socket } from 'node:dgram';
import type { Server } from 'node:net';
import type { Clock } from '../../core/ports.ts';
import type { NameTable } from '../table/index.ts';
import type { Forwarder } from '../upstream/index.ts';
import { Answerer, type QueryCounts } from './answerer.ts';
import type { Datagrams } from './datagrams.ts';
import { SANDBOX_LIMITS, type SandboxLimits } from './limits.ts';
import type { DiscoveryLog } from './log.ts';
import { TcpListener } from './tcp-listener.ts';
import { type LateSender, UdpListener } from './udp-listener.ts';

export interface SandboxServerParts {
  /** Bound. */
  readonly udp: readonly Socket[];
  /** The same sockets past the event loop, where that can be. */
  readonly datagrams?: readonly Datagrams[];
  /** Listening, made with `allowHalfOpen`. */
  readonly tcp: readonly Server[];
  readonly table: Pick<NameTable, 'lookup'>;
  /** Networks that the sandbox is on. */
  readonly networks: readonly string[];
  readonly forwarder: Pick<Forwarder, 'cached' | 'ask'>;
  readonly clock: Clock;
  readonly log: DiscoveryLog;
  readonly limits?: SandboxLimits;
}

/** The resolver of one sandbox: it answers from now on, and owns its sockets. */
export class SandboxServer implements AsyncDisposable {
  readonly #answerer: Answerer;
  readonly #stack = new AsyncDisposableStack();
  readonly #udp: readonly UdpListener[];
  readonly #tcp: readonly TcpListener[];
  #networks: readonly string[];

  constructor({ udp, datagrams = [], tcp, networks, limits = SANDBOX_LIMITS, ...parts }: SandboxServerParts) {
    this.#networks = networks;
    this.#answerer = new Answerer({ ...parts, limits, networks: () => this.#networks });
    this.#udp = udp.map((socket, index) =>
      this.#stack.use(new UdpListener(socket, this.#answerer, parts.log, datagrams[index])),
    );
    this.#tcp = tcp.map((server) =>
      this.#stack.use(new TcpListener(server, this.#answerer, limits, parts.log)),
    );
  }

  get counts(): QueryCounts {
    return this.#answerer.counts;
  }

  /** The sandbox has joined or left a network; the first is looked at first. */
  setNetworks(networks: readonly string[]): void {
    this.#networks = networks;
  }

  /**
   * Leaves the sockets to another process that has them too: nothing more is received; resolves when all that was
   * asked is answered and every connection has ended.
   * @param late sends a datagram although the socket is closed here.
   */
  async drained(late: LateSender): Promise<void> {
    await Promise.all([
      ...this.#udp.map((each) => each.drained(late)),
      ...this.#tcp.map((each) => each.drained()),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
