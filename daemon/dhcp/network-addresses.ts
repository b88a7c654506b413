import { createHash, randomUUID } from 'node:crypto';
import { type Cidr, type IfAddress, type Ip, parseCidr } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage } from '../../core/errors.ts';
import { type IfName, type Mac, type PoolId, poolIdOf } from '../../core/ids.ts';
import type { DriverName, EndpointRequest, Network } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { AddressRequest, IpamBackend } from '../plugin/index.ts';
import type { Repository } from '../state/index.ts';
import type { DhcpLog } from './channel.ts';
import type { DhcpAsk, DhcpLeases } from './dhcp-leases.ts';

/** The IPAM calls without what is constant. */
type Addresses = Omit<IpamBackend, 'capabilities' | 'addressSpaces'>;

const NAME_KEY = 'com.docker.network.endpoint.name';
const MAC_KEY = 'com.docker.network.endpoint.macaddress';
const KIND_KEY = 'RequestAddressType';
/** RFC 1035 section 2.3.4. */
const LONGEST_NAME = 63;

export interface NetworkAddressParts {
  /** How addresses are given where no DHCP server is asked; every address is noted there. */
  readonly addresses: Addresses;
  readonly ipam: Pick<IpamService, 'addressSpaces' | 'list'>;
  readonly leases: DhcpLeases;
  readonly repository: Pick<Repository, 'networks'>;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  /** This host, so that two hosts of one LAN are different clients. */
  readonly hostId: string;
  readonly log: DhcpLog;
}

/** A network that has its addresses by DHCP. */
interface DhcpNetwork {
  readonly pool: { readonly id: PoolId; readonly subnet: Cidr };
  readonly device: IfName;
  readonly gateway: Ip | undefined;
}

/**
 * Answers Docker's requests for addresses on networks with `weft.dhcp` from the LAN's DHCP server, and all others as
 * before. Docker asks for pools, the gateway and auxiliary addresses before the network exists, so those are never
 * asked of the server; the server's subnet must be the pool's.
 *
 * Docker does not say the MAC of a container here, because weft's IPAM does not require one: if it did, Docker would
 * name a MAC for every container of every network, and one that is named cannot be given to an ipvlan link. So weft
 * chooses the MAC with the address, and the driver says it at CreateEndpoint. A MAC that the user gives is heard only
 * there, and told to the server then.
 */
export class NetworkAddresses implements Addresses {
  readonly #parts: NetworkAddressParts;

  constructor(parts: NetworkAddressParts) {
    this.#parts = parts;
  }

  requestPool(...args: Parameters<Addresses['requestPool']>): ReturnType<Addresses['requestPool']> {
    return this.#parts.addresses.requestPool(...args);
  }

  /** @throws {Conflict} | {Unavailable} what DhcpLeases.acquire throws, and what the IPAM throws. */
  async requestAddress(request: AddressRequest): Promise<IfAddress> {
    const { addresses, leases } = this.#parts;
    const { options } = request;
    const network = options?.[KIND_KEY] === undefined ? this.#networkOf(request.poolId) : undefined;
    if (network === undefined) return addresses.requestAddress(request);
    const { pool } = network;
    const ask = this.#askFor(network, request);
    const { ip, router } = await leases.acquire(ask);
    this.#compareRouters(network, router);
    try {
      return await addresses.requestAddress({
        ...request,
        address: ip,
        options: { ...options, [MAC_KEY]: ask.mac },
      });
    } catch (error) {
      await leases.release(pool.id, ip);
      throw error;
    }
  }

  async releaseAddress(request: { readonly poolId: string; readonly address: Ip }): Promise<void> {
    const { addresses, leases } = this.#parts;
    await leases.release(request.poolId as PoolId, request.address);
    await addresses.releaseAddress(request);
  }

  async releasePool(poolId: string): Promise<void> {
    const { addresses, leases } = this.#parts;
    await addresses.releasePool(poolId);
    await leases.prune((id) => id !== poolId, 0);
  }

  /** Gives back leases of addresses that the IPAM no longer holds and that are at least `graceMs` old. */
  async prune(graceMs: number): Promise<void> {
    const { ipam, leases } = this.#parts;
    if (leases.list().length === 0) return;
    const held = new Map(ipam.list().map((view) => [view.poolId, new Set(view.leases.map(({ ip }) => ip))]));
    await leases.prune((poolId, ip) => held.get(poolId)?.has(ip) === true, graceMs);
  }

  /** See LeasedMacs in daemon/networks. */
  async macFor(network: Network, { ipv4, mac }: EndpointRequest): Promise<Mac | undefined> {
    const { drivers, leases, ipam } = this.#parts;
    if (ipv4 === undefined || drivers.get(network.driver)?.dhcp?.(network) === undefined) return undefined;
    for (const { pool } of network.request.ipv4) {
      const poolId = poolIdOf(ipam.addressSpaces().local, pool);
      const lease = leases.get(poolId, ipv4.ip);
      if (lease === undefined) continue;
      if (mac !== undefined) await leases.identify(poolId, ipv4.ip, { mac });
      return lease.mac;
    }
    return undefined;
  }

  #networkOf(poolId: string): DhcpNetwork | undefined {
    const { repository, drivers, ipam } = this.#parts;
    const { local } = ipam.addressSpaces();
    if (!poolId.startsWith(`${local}/`)) return undefined;
    const subnet = poolId.slice(local.length + 1);
    for (const network of repository.networks()) {
      const config = network.request.ipv4.find(({ pool }) => pool === subnet);
      const dhcp = config && drivers.get(network.driver)?.dhcp?.(network);
      if (dhcp === undefined) continue;
      const pool = { id: poolId as PoolId, subnet: parseCidr(subnet, 'PoolID') };
      return { pool, device: dhcp.device, gateway: config?.gateway?.ip };
    }
    return undefined;
  }

  /**
   * A container of the same name on the same network of this host is the same client, and gets the same address again
   * where the server remembers it (engines from 29 on tell the name); any other is a new one.
   */
  #askFor({ pool, device }: DhcpNetwork, { address, options }: AddressRequest): DhcpAsk {
    const { leases, hostId } = this.#parts;
    const name = options?.[NAME_KEY];
    const hostname = hostnameOf(name);
    const common = {
      pool,
      device,
      ...(hostname === undefined ? {} : { hostname }),
      ...(address === undefined ? {} : { wanted: address }),
    };
    const known = name && { ...common, ...clientOf(`${hostId} ${pool.id} ${name}`) };
    // A container that was renamed keeps the lease of its old name.
    return known && !leases.isTaken(known) ? known : { ...common, ...clientOf(randomUUID()) };
  }

  #compareRouters({ pool, gateway, device }: DhcpNetwork, router: Ip | undefined): void {
    if (router === undefined || router === gateway) return;
    const facts = { device, subnet: pool.subnet, gateway, router };
    this.#parts.log.warn(facts, 'the DHCP server names another router than the gateway that containers have');
  }
}

/** MAC and client identifier (option 61) of a client: type 0, which is neither a MAC nor anything else (RFC 2132). */
function clientOf(seed: string): { readonly mac: Mac; readonly clientId: Uint8Array } {
  const digest = createHash('sha256').update('dhcp ').update(seed).digest('hex').slice(0, 16);
  return { mac: derivedMac(`dhcp ${seed}`), clientId: Uint8Array.of(0, ...Buffer.from(`weft-${digest}`)) };
}

/** A container's name as a host name (RFC 952, RFC 1123 section 2.1); undefined when nothing is left of it. */
function hostnameOf(name: string | undefined): string | undefined {
  const text = (name ?? '')
    .replace(/[^A-Za-z0-9-]+/g, '-')
    .slice(0, LONGEST_NAME)
    .replace(/^-+|-+$/g, '');
  return text === '' ? undefined : text;
}

/** How often leases are compared with what the IPAM holds, and how long one may be without it. */
const PRUNE_MS = 60_000;

/** Prunes now and then until disposed of. */
export function keepPruned(addresses: NetworkAddresses, log: DhcpLog): Disposable {
  const prune = () =>
    addresses
      .prune(PRUNE_MS)
      .catch((error: unknown) => log.warn({ err: errorMessage(error) }, 'could not give DHCP leases back'));
  const timer = setInterval(() => void prune(), PRUNE_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
