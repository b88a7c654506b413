import type { Logger } from 'pino';
import { errorMessage, Unavailable } from '../../core/errors.ts';
import type { EndpointId, NetworkId } from '../../core/ids.ts';
import type { DriverName, Network } from '../../core/model.ts';
import type { Clock } from '../../core/ports.ts';
import type { Engine, EngineNetwork } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';

/** What Docker knows, in the form the collector compares with. */
export interface KnownToDocker {
  readonly networks: ReadonlySet<string>;
  readonly endpoints: ReadonlySet<string>;
  /** Subnets of networks whose IPAM driver is weft's. */
  readonly subnets: ReadonlySet<string>;
  /** Addresses in use on those, as `<subnet> <ip>`: gateways, auxiliary addresses, live endpoints. */
  readonly addresses: ReadonlySet<string>;
}

export interface CollectorParts {
  readonly engine: Engine;
  readonly repository: Repository;
  readonly collectNetwork: (id: NetworkId) => Promise<void>;
  readonly deleteEndpoint: (driver: DriverName, networkId: NetworkId, id: EndpointId) => Promise<void>;
  /** Releases pools and addresses given longer than the grace period ago that Docker does not know; how many. */
  readonly sweepAddresses: (known: KnownToDocker) => Promise<number>;
  /** Told what Docker knows each time it was asked, before anything is judged by it. */
  readonly heard: (networks: readonly EngineNetwork[]) => Promise<void>;
  readonly collected: (kind: 'network' | 'endpoint' | 'address', id: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly graceMs: number;
}

/**
 * Grace period of a network whose creation an earlier weftd did not live to answer: Docker repeats that call without its
 * arguments (protocol 1.5), is refused, and gives up. Until it is gone its name cannot be joined again on this host.
 */
const CUT_SHORT_MS = 3000;

/**
 * Removes what Docker has forgotten. Docker never repeats a deletion that it could not deliver, and forgets what it
 * was creating when it was killed (protocol 6.1), so what it has not known for the whole of a grace period, over
 * several questions, is nobody's. Objects become visible to Docker's API only after weft has answered; hence the
 * period. While Docker does not answer, nothing ages.
 */
export class Collector implements AsyncDisposable {
  readonly #parts: CollectorParts;
  readonly #missingSince = new Map<string, number>();
  readonly #startedAt: number;
  /** Some network awaits the end of a grace period that is short. */
  #isSoon = false;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  readonly #first = Promise.withResolvers<void>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    this.#schedule(0);
  }

  /** Resolves when Docker was asked for the first time, whether it has answered or not. Never rejects. */
  get firstRound(): Promise<void> {
    return this.#first.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(inMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#round();
    }, inMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    let nextMs = 1000;
    try {
      await this.collect();
      nextMs = Math.max(250, Math.min(30_000, (this.#isSoon ? this.#cutShortMs : this.#parts.graceMs) / 3));
    } catch (error) {
      // A dockerd that is down or starting has told nothing, so nothing may age.
      this.#missingSince.clear();
      const level = error instanceof Unavailable ? 'debug' : 'error';
      this.#parts.log[level]({ error: errorMessage(error) }, 'not collected');
    }
    this.#first.resolve();
    this.#schedule(nextMs);
  }

  /** One comparison with Docker. @throws {Unavailable} when Docker does not answer. */
  async collect(): Promise<void> {
    const askedAt = this.#parts.clock.now();
    const networks = await this.#parts.engine.networks();
    await this.#parts.heard(networks);
    const known = knownToDocker(networks);
    await this.#collectObjects(known, askedAt);
    const swept = await this.#parts.sweepAddresses(known);
    for (let i = 0; i < swept; i++) this.#parts.collected('address', '');
  }

  async #collectObjects(known: KnownToDocker, askedAt: number): Promise<void> {
    const { repository } = this.#parts;
    const missing = new Set<string>();
    this.#isSoon = false;
    for (const network of [...repository.networks()]) {
      const { id } = network.request;
      if (known.networks.has(id)) await this.#collectEndpoints(network, known, askedAt, missing);
      else await this.#collectNetwork(network, askedAt, missing);
    }
    for (const id of this.#missingSince.keys()) if (!missing.has(id)) this.#missingSince.delete(id);
  }

  async #collectNetwork(
    { request, createdAt, listed }: Network,
    askedAt: number,
    missing: Set<string>,
  ): Promise<void> {
    missing.add(request.id);
    const isCutShort = listed !== true && createdAt < this.#startedAt;
    const graceMs = isCutShort ? this.#cutShortMs : this.#parts.graceMs;
    if (!this.#expired(request.id, createdAt, askedAt, graceMs)) {
      this.#isSoon ||= isCutShort;
      return;
    }
    this.#parts.log.warn({ networkId: request.id }, 'Docker does not know this network; deleting it');
    await this.#parts.collectNetwork(request.id);
    this.#parts.collected('network', request.id);
  }

  async #collectEndpoints(
    network: Network,
    known: KnownToDocker,
    askedAt: number,
    missing: Set<string>,
  ): Promise<void> {
    const networkId = network.request.id;
    for (const { request, createdAt } of this.#parts.repository.endpointsOf(networkId)) {
      if (known.endpoints.has(request.id)) continue;
      missing.add(request.id);
      if (!this.#expired(request.id, createdAt, askedAt)) continue;
      this.#parts.log.warn(
        { networkId, endpointId: request.id },
        'Docker does not know this endpoint; deleting it',
      );
      await this.#parts.deleteEndpoint(network.driver, networkId, request.id);
      this.#parts.collected('endpoint', request.id);
    }
  }

  get #cutShortMs(): number {
    return Math.min(CUT_SHORT_MS, this.#parts.graceMs);
  }

  #expired(id: string, createdAt: number, askedAt: number, graceMs = this.#parts.graceMs): boolean {
    const since = this.#missingSince.get(id);
    if (since === undefined) {
      this.#missingSince.set(id, askedAt);
      return false;
    }
    return askedAt - Math.max(since, createdAt) >= graceMs;
  }
}

/** What Docker's list of networks says, indexed. */
export function knownToDocker(networks: readonly EngineNetwork[]): KnownToDocker {
  const ours = networks.filter((each) => each.ipamDriver === 'weft');
  return {
    networks: new Set(networks.map((each) => each.id)),
    endpoints: new Set(networks.flatMap((each) => each.endpoints.map((endpoint) => endpoint.id))),
    subnets: new Set(ours.flatMap((each) => each.subnets.map(({ subnet }) => subnet))),
    addresses: new Set(ours.flatMap(addressesOf)),
  };
}

/** An endpoint's address is listed under each subnet of its network: only one of them can hold it. */
function addressesOf({ subnets, endpoints }: EngineNetwork): readonly string[] {
  const live = endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).filter((text) => text !== '');
  const bare = live.map((text) => text.split('/')[0] ?? '');
  return subnets.flatMap(({ subnet, gateway, aux }) =>
    [...(gateway === undefined ? [] : [gateway]), ...Object.values(aux), ...bare].map(
      (ip) => `${subnet} ${ip}`,
    ),
  );
}
