import { type Cidr, cidrContains, cidrRange, familyOf, type Ip } from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { Exhausted } from '../../core/errors.ts';
import type { Network } from '../../core/model.ts';
import type { AddressHolder, Clock, SharedView } from '../../core/ports.ts';
import type { Service } from '../../core/service.ts';
import type { ServiceAddresses } from '../../ipam/index.ts';
import { readClusterRecord } from '../cluster/index.ts';
import type { Repository } from '../state/index.ts';
import { isClusterNetwork } from './network-key.ts';
import type { StoreView } from './store-view.ts';
import { topAddress } from './top-address.ts';

/** The virtual IPs of one service. */
export type Vips = Pick<Service, 'vip4' | 'vip6'>;

const VIP_OF = { 4: 'vip4', 6: 'vip6' } as const;

export interface VirtualIpsParts {
  readonly addresses: ServiceAddresses;
  readonly repository: Repository;
  readonly shared: SharedView;
  readonly view: StoreView;
  /** Who has an address on the LAN of a network; absent: nobody is asked. */
  readonly holderOf?: HolderOf | undefined;
  /** Milliseconds since the epoch; when a LAN's answers are forgotten. */
  readonly clock: Clock;
}

/** Says who has an address on the LAN of a network. Must not reject. */
export type HolderOf = (network: Network, ip: Ip, kind: 'service') => Promise<AddressHolder | undefined>;

/** How long an address that somebody else on the LAN has is not tried again. */
const ASIDE_MS = 600_000;
/** Addresses of others found before the next are left to a later try. */
const MOST_TRIED = 16;

/**
 * Chooses the virtual IPs of services: one of each family that the network has, from the network's own subnets. Where
 * weft's IPAM gives the addresses they are held in it, so that no endpoint gets one; where Docker's does, they come
 * from the other end of the subnet.
 */
export class VirtualIps {
  readonly #parts: VirtualIpsParts;
  /** Chosen for a record that is not known to be stored yet, by network and service. */
  readonly #pending = new Map<string, Vips>();
  /** Services for which an address is being taken just now: it is held before it is known here. */
  readonly #choosing = new Set<string>();
  /** Until when addresses are kept back, by network and address: somebody else on the LAN has them, or is looked for. */
  readonly #aside = new Map<string, number>();

  constructor(parts: VirtualIpsParts) {
    this.#parts = parts;
  }

  /**
   * What a service has and still may have, and what it lacks, chosen now and kept until `settle` or `abandon`; asking
   * again gives the same.
   * @returns `lacking` says why there is none of a family.
   * @throws {Unavailable} when that is not known without the cluster.
   */
  async complete(
    network: Network,
    service: Service,
  ): Promise<{ readonly vips: Vips; readonly lacking?: Exhausted }> {
    let vips: Vips = {};
    let lacking: Exhausted | undefined;
    for (const family of [4, 6] as const) {
      const subnets = subnetsOf(network, family);
      if (subnets.length === 0) continue;
      try {
        const ip = await this.#one(network, service, VIP_OF[family], subnets);
        vips = { ...vips, [VIP_OF[family]]: ip };
      } catch (error) {
        if (!(error instanceof Exhausted)) throw error;
        lacking = error;
      }
    }
    return { vips, ...(lacking && { lacking }) };
  }

  /** The record with what was chosen for it is stored. */
  settle({ network, name }: Pick<Service, 'network' | 'name'>): void {
    this.#pending.delete(`${network}/${name}`);
  }

  /** What was chosen is not needed, except what the service has: it is no more, or another host has made it. */
  async abandon(network: Network, service: Pick<Service, 'network' | 'name'> & Vips): Promise<void> {
    const id = `${service.network}/${service.name}`;
    const { vip4, vip6 } = this.#pending.get(id) ?? {};
    this.#pending.delete(id);
    await this.release(network, {
      ...(vip4 && vip4 !== service.vip4 ? { vip4 } : {}),
      ...(vip6 && vip6 !== service.vip6 ? { vip6 } : {}),
    });
  }

  /** Frees the addresses of a service that is no more, as far as this host holds them. */
  async release(network: Network, vips: Vips): Promise<void> {
    for (const ip of [vips.vip4, vips.vip6]) {
      const subnet = ip && subnetWith(network, ip);
      if (ip !== undefined && subnet !== undefined) await this.#parts.addresses.release(subnet, ip);
    }
  }

  /** Whether an address is, or may be, chosen for a service whose record is not known to be stored. */
  isPending(service: string, ip: Ip): boolean {
    return this.#choosing.has(service) || this.#isChosen(service, ip);
  }

  #isChosen(service: string, ip: Ip): boolean {
    const pending = this.#pending.get(service);
    return pending?.vip4 === ip || pending?.vip6 === ip;
  }

  async #one(network: Network, service: Service, field: keyof Vips, subnets: readonly Cidr[]): Promise<Ip> {
    const id = `${service.network}/${service.name}`;
    const had = service[field];
    const pending = this.#pending.get(id)?.[field];
    if (had !== undefined && (await this.#mayKeep(network, service, subnets, had))) {
      // What was chosen in vain, unless it is what was stored although the store did not say so.
      if (pending !== undefined && pending !== had) await this.release(network, { [field]: pending });
      const { [field]: _, ...others } = this.#pending.get(id) ?? {};
      this.#pending.set(id, others);
      return had;
    }
    if (pending !== undefined) return pending;
    this.#choosing.add(id);
    try {
      const ip = await this.#choose(network, service, subnets);
      this.#pending.set(id, { ...this.#pending.get(id), [field]: ip });
      this.#aside.delete(asideKey(network, ip));
      return ip;
    } finally {
      this.#choosing.delete(id);
    }
  }

  async #mayKeep(network: Network, service: Service, subnets: readonly Cidr[], ip: Ip): Promise<boolean> {
    const subnet = subnets.find((each) => cidrContains(each, ip));
    if (subnet === undefined || this.#isOlderService(service, ip)) return false;
    const { addresses } = this.#parts;
    if (!addresses.gives(subnet)) return !this.#isEndpoint(network, service.network, ip);
    // In the cluster it is kept from endpoints wherever its block is by now.
    return isClusterNetwork(network) || (await addresses.holdThis(subnet, ip, service.name)) === true;
  }

  async #choose(network: Network, service: Service, subnets: readonly Cidr[]): Promise<Ip> {
    let full: unknown;
    for (const subnet of subnets) {
      try {
        const held = await this.#parts.addresses.hold(subnet, service.name);
        const ip = held ?? (await this.#fromTop(network, service, subnet));
        if (ip !== undefined) return ip;
      } catch (error) {
        if (!(error instanceof Exhausted)) throw error;
        full = error;
      }
    }
    if (full !== undefined) throw full;
    throw new Exhausted(`no address of ${subnets.join(', ')} is free for service ${service.name}`, {});
  }

  /** The highest address of a subnet that is nobody's. It is kept back from others until it is known as chosen. */
  async #fromTop(network: Network, service: Service, subnet: Cidr): Promise<Ip | undefined> {
    const { holderOf, clock } = this.#parts;
    const isFree = (ip: Ip) => !this.#isAside(network, ip) && !this.#isTaken(network, service, ip);
    for (let tried = 0; tried < MOST_TRIED; tried++) {
      const ip = topAddress(subnet, (each) => !isFree(each));
      if (ip === undefined || holderOf === undefined) return ip;
      const key = asideKey(network, ip);
      this.#aside.set(key, Number.POSITIVE_INFINITY);
      const holder = await holderOf(network, ip, 'service');
      if (holder !== undefined) this.#aside.set(key, clock.now() + ASIDE_MS);
      else if (!this.#isTaken(network, service, ip)) return ip;
      else this.#aside.delete(key);
    }
    return undefined;
  }

  #isAside(network: Network, ip: Ip): boolean {
    const key = asideKey(network, ip);
    const until = this.#aside.get(key);
    if (until !== undefined && until <= this.#parts.clock.now()) this.#aside.delete(key);
    return this.#aside.has(key);
  }

  #isTaken(network: Network, { network: key }: Service, ip: Ip): boolean {
    const { ipv4, ipv6 } = network.request;
    const own = [...ipv4, ...ipv6].some(
      ({ gateway, aux }) => gateway?.ip === ip || Object.values(aux).includes(ip),
    );
    if (own || this.#isEndpoint(network, key, ip)) return true;
    for (const { vip4, vip6 } of this.#parts.view.services(key)) if (vip4 === ip || vip6 === ip) return true;
    const prefix = `${key}/`;
    return [...this.#pending.keys()].some((id) => id.startsWith(prefix) && this.#isChosen(id, ip));
  }

  #isEndpoint(network: Network, key: string, ip: Ip): boolean {
    const { repository, shared } = this.#parts;
    if (repository.addressOwner(network.request.id, ip) !== undefined) return true;
    if (!isClusterNetwork(network)) return false;
    for (const entry of shared.entries(`${CLUSTER_KEYS.endpoint}${key}/`)) {
      const remote = readClusterRecord('endpoint', entry);
      if (remote?.ipv4 === ip || remote?.ipv6 === ip) return true;
    }
    return false;
  }

  /** Two hosts may have chosen one address where Docker's IPAM gives them: the older service keeps it. */
  #isOlderService({ network, name }: Service, ip: Ip): boolean {
    const own = this.#parts.view.service(network, name)?.createdAt ?? Number.POSITIVE_INFINITY;
    for (const other of this.#parts.view.services(network)) {
      if (other.name === name || (other.vip4 !== ip && other.vip6 !== ip)) continue;
      if (other.createdAt < own || (other.createdAt === own && other.name < name)) return true;
    }
    return false;
  }
}

function asideKey({ request }: Network, ip: Ip): string {
  return `${request.id} ${ip}`;
}

/** The subnets of a family in which endpoints of the network have addresses. */
function subnetsOf({ driver, request }: Network, family: 4 | 6): readonly Cidr[] {
  if (driver === 'weft-none') return [];
  const isOn = family === 4 ? request.enableIpv4 : request.enableIpv6;
  const subnets = family === 4 ? request.ipv4 : request.ipv6;
  // Docker's null IPAM says 0.0.0.0/0.
  return isOn ? subnets.flatMap(({ pool }) => (cidrRange(pool).prefix === 0 ? [] : [pool])) : [];
}

function subnetWith(network: Network, ip: Ip): Cidr | undefined {
  return subnetsOf(network, familyOf(ip)).find((subnet) => cidrContains(subnet, ip));
}
