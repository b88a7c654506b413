import type { IfAddress, Ip } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { type Mac, type PoolId, poolIdOf } from '../../core/ids.ts';
import type { DriverName, EndpointRequest, Network } from '../../core/model.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { AddressRequest, IpamBackend } from '../plugin/index.ts';
import type { Repository } from '../state/index.ts';
import type { DhcpLog } from './channel.ts';
import { clientNames } from './client-names.ts';
import type { DhcpLeases } from './dhcp-leases.ts';
import { type DhcpNetwork, dhcpNetworks } from './dhcp-networks.ts';
import type { DhcpAsk } from './records.ts';

/** The IPAM calls without what is constant. */
type Addresses = Omit<IpamBackend, 'capabilities' | 'addressSpaces'>;

const NAME_KEY = 'com.docker.network.endpoint.name';
const MAC_KEY = 'com.docker.network.endpoint.macaddress';
const KIND_KEY = 'RequestAddressType';

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
    const { device } = network;
    const name = options?.[NAME_KEY];
    const ask: DhcpAsk = {
      pool,
      device,
      ...clientNames(this.#parts, { device, poolId: pool.id, name }),
      ...(request.address === undefined ? {} : { wanted: request.address }),
    };
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

  /** See LeasedAddresses in daemon/networks. */
  assertPools(network: Network): void {
    const { drivers, ipam } = this.#parts;
    if (drivers.get(network.driver)?.dhcp?.(network) === undefined) return;
    const { local } = ipam.addressSpaces();
    const held = new Set<string>(ipam.list().map(({ poolId }) => poolId));
    for (const { pool } of network.request.ipv4) {
      if (held.has(poolIdOf(local, pool))) continue;
      throw new InvalidArgument(
        `option weft.dhcp is true: the addresses of subnet ${pool} are given by another IPAM driver than weft's; it needs --ipam-driver weft`,
        { field: 'weft.dhcp' },
      );
    }
  }

  /** See LeasedAddresses in daemon/networks. */
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
    const local = `${this.#parts.ipam.addressSpaces().local}/`;
    if (!poolId.startsWith(local)) return undefined;
    return [...dhcpNetworks(this.#parts)].find(({ pool }) => pool.id === poolId);
  }

  #compareRouters({ pool, gateway, device }: DhcpNetwork, router: Ip | undefined): void {
    if (router === undefined || router === gateway) return;
    const facts = { device, subnet: pool.subnet, gateway, router };
    this.#parts.log.warn(facts, 'the DHCP server names another router than the gateway that containers have');
  }
}
