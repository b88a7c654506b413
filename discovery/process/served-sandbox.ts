import { randomInt } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../core/ports.ts';
import { closeFd, duplicateFd } from '../../kernel/libc/index.ts';
import type { SandboxToServe } from '../feed/index.ts';
import type { Serving } from '../link/index.ts';
import { type DiscoveryLog, type QueryCounts, SandboxServer, socketExchange } from '../server/index.ts';
import type { NameTable } from '../table/index.ts';
import { Forwarder, type UpstreamServer } from '../upstream/index.ts';
import { quickDatagrams } from './quick-datagrams.ts';
import { adoptTcp, adoptUdp, type BoundSockets, sandboxSource, sendFrom } from './sandbox-sockets.ts';

/** What all sandboxes share. */
export interface ServingParts {
  readonly table: Pick<NameTable, 'lookup'>;
  readonly clock: Clock;
  readonly log: DiscoveryLog;
}

/** A sandbox that is answered, by sockets inside of it. */
export class ServedSandbox implements AsyncDisposable {
  readonly serving: Serving;
  readonly #parts: ServingParts;
  readonly #server: SandboxServer;
  #sandbox: SandboxToServe;
  #forwarder: Forwarder;

  /** @param sockets it owns them from now on. */
  constructor(sandbox: SandboxToServe, sockets: BoundSockets, parts: ServingParts) {
    this.#sandbox = sandbox;
    this.#parts = parts;
    this.#forwarder = this.#forward(sandbox.servers);
    const [udp, tcp] = [adoptUdp(sockets.udp), adoptTcp(sockets.tcp)];
    this.#server = new SandboxServer({
      udp: [udp],
      datagrams: [quickDatagrams(sockets.udp)],
      tcp: [tcp],
      networks: sandbox.networks,
      forwarder: {
        cached: (query) => this.#forwarder.cached(query),
        ask: (query) => this.#forwarder.ask(query),
      },
      ...parts,
    });
    this.serving = {
      type: 'serving',
      key: sandbox.key,
      namespace: sockets.namespace,
      udp: { port: udp.address().port, fd: sockets.udp },
      tcp: { port: (tcp.address() as AddressInfo).port, fd: sockets.tcp },
    };
  }

  get counts(): QueryCounts {
    return this.#server.counts;
  }

  update(sandbox: SandboxToServe): void {
    this.#server.setNetworks(sandbox.networks);
    if (JSON.stringify(sandbox.servers) !== JSON.stringify(this.#sandbox.servers)) {
      // What was asked by way of the old one is answered by it.
      this.#forwarder = this.#forward(sandbox.servers);
    }
    this.#sandbox = sandbox;
  }

  /** Takes no further query; resolves when what was asked is answered. */
  async drained(): Promise<void> {
    const fd = duplicateFd(this.serving.udp.fd);
    try {
      await this.#server.drained((reply, to) => sendFrom(fd, reply, to));
    } finally {
      closeFd(fd);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forwarder[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
  }

  #forward(servers: readonly UpstreamServer[]): Forwarder {
    return new Forwarder({
      servers,
      exchange: socketExchange(sandboxSource(this.#sandbox.key)),
      randomId: () => randomInt(0x10000),
      clock: this.#parts.clock,
    });
  }
}
