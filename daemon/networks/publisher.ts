import { familyOf, type Ip } from '../../core/address.ts';
import { Conflict, Exhausted } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { PortRequest, PublishedPort } from '../../core/model.ts';
import type { PortBinding, PortReservation, PortReserver } from '../../core/ports.ts';
import type { RelayFactory } from './relay.ts';

/** Where automatic host ports come from. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

interface Held {
  readonly reservations: readonly PortReservation[];
}

/**
 * Host ports: holds them for weft so that no other process takes them, chooses automatic ones, and names the holder
 * of a busy one. What is held is rebuilt from intent at start; nothing here is stored.
 */
export class Publisher {
  readonly #reserver: PortReserver;
  readonly #relays: RelayFactory;
  readonly #range: () => PortRange;
  readonly #nameOf: (endpoint: EndpointId) => string;
  readonly #held = new Map<EndpointId, Held>();
  readonly #owners = new Map<string, EndpointId>();
  #next: number | undefined;

  constructor(parts: {
    readonly reserver: PortReserver;
    readonly relays: RelayFactory;
    readonly range: () => PortRange;
    readonly nameOf: (endpoint: EndpointId) => string;
  }) {
    this.#reserver = parts.reserver;
    this.#relays = parts.relays;
    this.#range = parts.range;
    this.#nameOf = parts.nameOf;
  }

  /**
   * Holds every requested port and says which they are.
   * @throws {Conflict} naming the port and who holds it. {Exhausted} when no automatic port is free. Nothing is held then.
   */
  async hold(endpoint: EndpointId, requests: readonly PortRequest[]): Promise<readonly PublishedPort[]> {
    this.release(endpoint);
    const reservations: PortReservation[] = [];
    const published: PublishedPort[] = [];
    try {
      for (const request of requests) {
        const port = await this.#holdOne(request, reservations);
        published.push(...request.bindings.map((binding) => publishedPort(request, binding, port)));
      }
    } catch (error) {
      for (const reservation of reservations) reservation.release();
      throw error;
    }
    this.#remember(endpoint, reservations);
    return published;
  }

  /**
   * Takes ports again that intent says are published, after a restart.
   * @returns those that somebody else has taken meanwhile; their translation stays in force.
   */
  async restore(
    endpoint: EndpointId,
    published: readonly PublishedPort[],
  ): Promise<readonly PublishedPort[]> {
    const reservations: PortReservation[] = [];
    const lost: PublishedPort[] = [];
    for (const port of published) {
      try {
        reservations.push(await this.#take(port));
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        lost.push(port);
      }
    }
    this.#remember(endpoint, reservations);
    return lost;
  }

  /** Lets go of everything the endpoint holds; nothing held is fine. */
  release(endpoint: EndpointId): void {
    const held = this.#held.get(endpoint);
    if (held === undefined) return;
    this.#held.delete(endpoint);
    for (const reservation of held.reservations) {
      this.#owners.delete(ownerKey(reservation.binding));
      reservation.release();
    }
  }

  #remember(endpoint: EndpointId, reservations: readonly PortReservation[]): void {
    if (reservations.length === 0) return;
    this.#held.set(endpoint, { reservations });
    for (const { binding } of reservations) this.#owners.set(ownerKey(binding), endpoint);
  }

  async #holdOne(request: PortRequest, reservations: PortReservation[]): Promise<number> {
    let busy: PortBinding | undefined;
    for (const port of this.#candidates(request)) {
      const outcome = await this.#holdAll(request, port);
      if (Array.isArray(outcome)) {
        reservations.push(...outcome);
        return port;
      }
      busy = outcome;
    }
    throw await this.#unavailable(request, busy, reservations);
  }

  /** Every binding of one port, or the binding that is taken. */
  async #holdAll(request: PortRequest, port: number): Promise<PortReservation[] | PortBinding> {
    const taken: PortReservation[] = [];
    for (const binding of request.bindings) {
      try {
        taken.push(await this.#take(publishedPort(request, binding, port)));
      } catch (error) {
        for (const reservation of taken) reservation.release();
        if (!(error instanceof Conflict)) throw error;
        return { protocol: request.protocol, ip: binding.hostIp, port };
      }
    }
    return taken;
  }

  /** Finding the holder reads /proc, so it is done once, for the last port that was tried. */
  async #unavailable(
    { hostPort, hostPortEnd, containerPort, protocol }: PortRequest,
    busy: PortBinding | undefined,
    own: readonly PortReservation[],
  ) {
    if (busy === undefined || hostPort === 0) {
      return new Exhausted(`no host port is free for ${containerPort}/${protocol}`);
    }
    const range = hostPortEnd > hostPort ? `; ${hostPort}–${hostPortEnd} are all taken` : '';
    const twice = own.some(({ binding }) => binding.port === busy.port && binding.protocol === busy.protocol);
    const holder = twice ? 'another mapping of this endpoint' : await this.#holder(busy);
    return new Conflict(`host port ${formatBinding(busy)} is held by ${holder}${range}`, {
      hostPort: busy.port,
    });
  }

  /** The one port asked for, the range asked for, or the automatic range from where the last choice ended. */
  *#candidates({ hostPort, hostPortEnd }: PortRequest): Generator<number> {
    if (hostPort !== 0) {
      for (let port = hostPort; port <= Math.max(hostPort, hostPortEnd); port++) yield port;
      return;
    }
    const { first, last } = this.#range();
    const size = last - first + 1;
    const start = this.#next ?? first;
    for (let i = 0; i < size; i++) {
      const port = first + ((start - first + i) % size);
      this.#next = port + 1;
      yield port;
    }
  }

  async #take(published: PublishedPort): Promise<PortReservation> {
    const { protocol, hostIp, hostPort, containerIp, containerPort } = published;
    const binding: PortBinding = { protocol, ip: hostIp, port: hostPort };
    return isRelayed(published)
      ? await this.#relays.open(binding, { ip: containerIp, port: containerPort })
      : this.#reserver.reserve(binding);
  }

  async #holder(binding: PortBinding): Promise<string> {
    const any: Ip = (familyOf(binding.ip) === 4 ? '0.0.0.0' : '::') as Ip;
    const owner =
      this.#owners.get(ownerKey(binding)) ??
      this.#owners.get(ownerKey({ ...binding, ip: any })) ??
      this.#ownerOfPort(binding);
    if (owner !== undefined) return this.#nameOf(owner);
    return (await this.#reserver.holder(binding)) ?? 'another process';
  }

  #ownerOfPort({ protocol, port, ip }: PortBinding): EndpointId | undefined {
    if (ip !== '0.0.0.0' && ip !== '::') return undefined;
    const suffix = ` ${protocol} ${port}`;
    for (const [key, owner] of this.#owners) {
      if (key.endsWith(suffix) && key.includes(':') === ip.includes(':')) return owner;
    }
    return undefined;
  }
}

/** What the kernel cannot translate: between families, and to ::1. The listener holds the port all the same. */
function isRelayed({ protocol, hostIp, containerIp, relayed }: PublishedPort): boolean {
  if (relayed === true || familyOf(hostIp) !== familyOf(containerIp)) return true;
  return protocol === 'tcp' && (hostIp === '::' || hostIp === '::1');
}

function ownerKey({ ip, protocol, port }: PortBinding): string {
  return `${ip} ${protocol} ${port}`;
}

function publishedPort(
  { protocol, containerPort, relayed }: PortRequest,
  { hostIp, containerIp }: { readonly hostIp: Ip; readonly containerIp: Ip },
  hostPort: number,
): PublishedPort {
  return { protocol, hostIp, hostPort, containerIp, containerPort, ...(relayed ? { relayed } : {}) };
}

function formatBinding({ ip, protocol, port }: PortBinding): string {
  return `${port}/${protocol} on ${ip}`;
}
