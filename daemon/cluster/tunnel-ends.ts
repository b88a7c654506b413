import { CLUSTER_KEYS, type Tunnel } from '../../core/cluster.ts';
import { diff } from '../../core/diff.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage, WeftError } from '../../core/errors.ts';
import { hostState } from '../../core/kernel-objects.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { DriverName, Network } from '../../core/model.ts';
import type { Kernel, SharedView } from '../../core/ports.ts';
import type { Repository } from '../state/index.ts';
import type { Log } from './log.ts';
import { readClusterRecord } from './records.ts';

/** Routes change without a word to this process. */
const LOOK_MS = 30_000;

/** This host's end of every tunnel. */
export type TunnelEnd = Pick<Tunnel, 'local' | 'port' | 'underlayMtu'>;

export interface TunnelEndsParts {
  readonly repository: Repository;
  readonly shared: SharedView;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly kernel: Kernel;
  readonly locks: KeyedMutex;
  readonly node: string;
  /** As the link that has the address allows it. */
  readonly end: TunnelEnd;
  readonly log: Log;
}

/**
 * This host's end of its tunnels. What fits into a tunnel is what the narrowest way to another host takes; a network
 * follows when that changes, unless containers here use it: theirs are the sizes they were started with.
 */
export class TunnelEnds implements Disposable {
  readonly #parts: TunnelEndsParts;
  #end: TunnelEnd;
  #subscription: Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  #stopped = false;

  constructor(parts: TunnelEndsParts) {
    this.#parts = parts;
    this.#end = parts.end;
  }

  get end(): TunnelEnd {
    return this.#end;
  }

  /** Gives every stored network this end, as it is now. Before the first comparison with the kernel. */
  async renew(): Promise<void> {
    await this.#measure();
    const { repository } = this.#parts;
    for (const network of [...repository.networks()]) {
      const { tunnel } = network;
      if (tunnel === undefined) continue;
      const wanted = this.#wantedFor(network, tunnel);
      if (!sameEnd(tunnel, wanted)) await repository.putNetwork({ ...network, tunnel: wanted });
    }
  }

  /** From now on the ways to the other hosts are looked at. */
  start(): void {
    this.#subscription = this.#parts.shared.subscribe((events) => {
      if (events.some(({ entry }) => entry.key.startsWith(CLUSTER_KEYS.member))) this.#poke();
    });
    this.#poke();
  }

  /** Stored first; then the kernel, whose bridge is there already. The caller holds the network's lock. */
  async retunnel(network: Network, tunnel: Tunnel): Promise<void> {
    const { repository, kernel, drivers } = this.#parts;
    const driver = drivers.get(network.driver);
    if (driver === undefined || JSON.stringify(network.tunnel) === JSON.stringify(tunnel)) return;
    const changed: Network = { ...network, tunnel };
    await repository.during(network.request.id, async () => {
      await repository.putNetwork(changed);
      const before = hostState(driver.planNetwork(network));
      await kernel.apply(diff(hostState(driver.planNetwork(changed)), before));
    });
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscription?.[Symbol.dispose]();
  }

  #poke(): void {
    this.#wanted = true;
    this.#running ??= this.#follow().finally(() => {
      this.#running = undefined;
      if (this.#wanted && !this.#stopped) this.#poke();
    });
  }

  async #follow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = false;
    try {
      await this.#measure();
      for (const network of [...this.#parts.repository.networks()]) await this.#bringUpToDate(network);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#parts.log.warn(
        { error: errorMessage(error) },
        'the ways to the other hosts could not be measured',
      );
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.#poke(), LOOK_MS);
    this.#timer.unref();
  }

  async #measure(): Promise<void> {
    const { shared, kernel, node, end, log } = this.#parts;
    const peers = [...shared.entries(CLUSTER_KEYS.member)].flatMap((entry) => {
      const member = readClusterRecord('member', entry);
      return member === undefined || member.name === node ? [] : [member.address];
    });
    const ways = (await kernel.pathMtus(peers)).filter((mtu) => mtu !== undefined);
    const narrowest = Math.min(end.underlayMtu ?? Number.POSITIVE_INFINITY, ...ways);
    const { underlayMtu, ...rest } = this.#end;
    const found = Number.isFinite(narrowest) ? narrowest : undefined;
    if (found === underlayMtu) return;
    log.info(
      { underlayMtu: found, before: underlayMtu, peers: peers.length },
      'what fits into a tunnel changed',
    );
    this.#end = found === undefined ? rest : { ...rest, underlayMtu: found };
  }

  async #bringUpToDate({ request: { id } }: Network): Promise<void> {
    await this.#parts.locks.run(id, async () => {
      const network = this.#parts.repository.network(id);
      const tunnel = network?.tunnel;
      if (network === undefined || tunnel === undefined) return;
      const wanted = this.#wantedFor(network, tunnel);
      if (!sameEnd(tunnel, wanted)) await this.retunnel(network, wanted);
    });
  }

  #wantedFor({ request }: Network, tunnel: Tunnel): Tunnel {
    const isUsed = this.#parts.repository.endpointCount(request.id) > 0;
    const { underlayMtu: _, ...rest } = { ...tunnel, ...this.#end };
    const mtu = isUsed ? tunnel.underlayMtu : this.#end.underlayMtu;
    return mtu === undefined ? rest : { ...rest, underlayMtu: mtu };
  }
}

function sameEnd(tunnel: TunnelEnd, end: TunnelEnd): boolean {
  return tunnel.local === end.local && tunnel.port === end.port && tunnel.underlayMtu === end.underlayMtu;
}
