import { setTimeout as sleep } from 'node:timers/promises';
import type { Cidr, Ip } from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { errorMessage, WeftError } from '../../core/errors.ts';
import type { Network } from '../../core/model.ts';
import { type NamingChange, networkKey, type ServiceRecord } from '../../core/naming.ts';
import type { StoreEvent } from '../../core/ports.ts';
import type { ServiceAddresses } from '../../ipam/index.ts';
import { isClusterNetwork } from './network-key.ts';
import type { ServiceKeeper, ServiceKeeperParts } from './service-keeper.ts';

const GATHER_MS = 50;
/** Everything is compared so often though nothing has happened. */
const EVERY_MS = 60_000;
/** A virtual IP that an earlier process has chosen may be in a record that is on its way. */
const ON_ITS_WAY_MS = 5000;

export interface ServicesParts
  extends Pick<ServiceKeeperParts, 'repository' | 'shared' | 'view' | 'records' | 'vips' | 'clock' | 'log'> {
  readonly keeper: ServiceKeeper;
  readonly addresses: ServiceAddresses;
}

/** Compares each service when something that its record follows from may have changed, and every minute all of them. */
export class Services implements AsyncDisposable {
  readonly #parts: ServicesParts;
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #stack = new DisposableStack();
  /** Docker's ids of this host's networks. */
  readonly #ids = new Set<string>();
  /** Networks with services that have changed. */
  readonly #changed = new Set<string>();
  readonly #startedAt: number;
  readonly #round: NodeJS.Timeout;
  #sweeping: Promise<void> | undefined;
  #later: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: ServicesParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    const { view, shared, repository } = parts;
    for (const network of view.networks()) this.#keepVirtual(network);
    this.#stack.use(view.subscribe((changes) => this.#hear(changes)));
    this.#stack.use(shared.subscribe((events) => this.#hearNetworks(events)));
    this.#stack.use(
      repository.observe({
        put: (record) => {
          if ('driver' in record) this.#network(record);
        },
        drop: (id) => {
          if (this.#ids.delete(id)) queueMicrotask(() => this.#orphans());
        },
      }),
    );
    this.#round = setInterval(() => this.#all(), EVERY_MS).unref();
    this.#all();
  }

  /** Resolves when no comparison is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
    await this.#sweeping;
  }

  /** Compares a service soon. */
  poke(network: string, name: string): void {
    if (this.#stopped) return;
    const id = `${network}/${name}`;
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    if (this.#running.has(id)) {
      this.#again.add(id);
      return;
    }
    const running = this.#compare(network, name).finally(() => {
      this.#running.delete(id);
      if (this.#again.delete(id)) this.poke(network, name);
    });
    this.#running.set(id, running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#round);
    clearTimeout(this.#later);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#stack.dispose();
    await this.settled();
  }

  async #compare(network: string, name: string): Promise<void> {
    // A new service is waited for; to one that is there many backends may come at a time.
    const isNew = this.#parts.view.service(network, name) === undefined;
    await sleep(isNew ? 0 : GATHER_MS);
    if (this.#stopped) return;
    const again = await this.#parts.keeper.compare(network, name);
    if (again === undefined || this.#stopped) return;
    const id = `${network}/${name}`;
    this.#timers.set(id, setTimeout(() => this.poke(network, name), again).unref());
  }

  #hear(changes: readonly NamingChange[]): void {
    const { view } = this.#parts;
    for (const change of changes) {
      const { network } = change;
      if (change.kind === 'name') {
        const { ipv4, ipv6 } = view.name(network, change.endpoint) ?? {};
        this.#pokeHolders(network, [ipv4, ipv6]);
        continue;
      }
      this.poke(network, change.name);
      const { vip4, vip6 } = view.service(network, change.name) ?? {};
      this.#pokeHolders(network, [vip4, vip6]);
      if (this.#changed.size === 0) setImmediate(() => this.#keepChanged());
      this.#changed.add(network);
    }
  }

  /** Services whose virtual IP an endpoint or another service has: only Docker's IPAM lets that happen. */
  #pokeHolders(network: string, ips: readonly (Ip | undefined)[]): void {
    for (const { name, vip4, vip6 } of this.#parts.view.services(network))
      if ((vip4 && ips.includes(vip4)) || (vip6 && ips.includes(vip6))) this.poke(network, name);
  }

  #keepChanged(): void {
    for (const network of this.#changed) this.#keepVirtual(network);
    this.#changed.clear();
    this.#sweep();
  }

  /** What no endpoint may be given, whichever host has chosen it. Networks of this host alone hold theirs as leases. */
  #keepVirtual(network: string): void {
    const { view, addresses } = this.#parts;
    addresses.setVirtual(network, [...view.services(network)].flatMap(vipsOf));
  }

  #hearNetworks(events: readonly StoreEvent[]): void {
    for (const { entry } of events)
      if (entry.key.startsWith(CLUSTER_KEYS.network))
        this.#pokeAll(entry.key.slice(CLUSTER_KEYS.network.length));
  }

  #network(network: Network): void {
    this.#ids.add(network.request.id);
    const key = networkKey(network);
    if (key !== undefined) this.#pokeAll(key);
  }

  #pokeAll(network: string): void {
    for (const name of this.#parts.view.knownServices(network)) this.poke(network, name);
  }

  #all(): void {
    for (const network of this.#parts.view.networks()) this.#pokeAll(network);
    this.#sweep();
  }

  /** Services of networks that this host no longer has. */
  #orphans(): void {
    if (this.#stopped) return;
    const known = new Set([...this.#parts.repository.networks()].map(networkKey));
    for (const network of this.#parts.view.networks()) if (!known.has(network)) this.#pokeAll(network);
  }

  /** Frees virtual IPs held here that no service has: its record went elsewhere, or was never made. Never rejects. */
  #sweep(): void {
    this.#sweeping ??= this.#freeUnused()
      .catch((error: unknown) => {
        if (!(error instanceof WeftError)) throw error;
        this.#parts.log.warn({ error: errorMessage(error) }, 'unused virtual IPs could not be freed');
      })
      .finally(() => {
        this.#sweeping = undefined;
      });
  }

  #sweepLater(): void {
    if (this.#stopped) return;
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.#sweep();
    }, ON_ITS_WAY_MS).unref();
  }

  async #freeUnused(): Promise<void> {
    const { addresses, shared, view, vips, clock } = this.#parts;
    const networks = this.#bySubnet();
    for (const { subnet, ip, service, createdAt } of [...addresses.held()]) {
      const owners = networks.get(subnet) ?? [];
      const isOld = createdAt >= this.#startedAt || clock.now() - createdAt >= ON_ITS_WAY_MS;
      const isUsed = owners.some(({ key }) => {
        const record = view.service(key, service);
        return (
          (record !== undefined && vipsOf(record).includes(ip)) || vips.isPending(`${key}/${service}`, ip)
        );
      });
      // Whose it is cannot be told while the cluster is away, or its network not bound to it yet.
      const isKnown = owners.length > 0 && owners.every((each) => !each.isShared || shared.status.connected);
      if (!isKnown || isUsed) continue;
      if (isOld) await addresses.release(subnet, ip);
      else this.#sweepLater();
    }
  }

  #bySubnet(): ReadonlyMap<Cidr, readonly { readonly key: string; readonly isShared: boolean }[]> {
    const found = new Map<Cidr, { readonly key: string; readonly isShared: boolean }[]>();
    for (const network of this.#parts.repository.networks()) {
      const key = networkKey(network);
      if (key === undefined) continue;
      const owner = { key, isShared: isClusterNetwork(network) };
      for (const { pool } of [...network.request.ipv4, ...network.request.ipv6])
        found.set(pool, [...(found.get(pool) ?? []), owner]);
    }
    return found;
  }
}

function vipsOf({ vip4, vip6 }: ServiceRecord) {
  return [vip4, vip6].flatMap((ip) => (ip === undefined ? [] : [ip]));
}
