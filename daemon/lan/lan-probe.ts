import type { Logger } from 'pino';
import { type Cidr, cidrContains, cidrRange, type Ip, ipFromBigint } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { Conflict, errorMessage } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { DriverName, EndpointRequest, Network } from '../../core/model.ts';
import type { AddressHolder, Clock, Kernel } from '../../core/ports.ts';
import { ADDRESS_SPACES, type AskLan, type LeaseKind } from '../../ipam/index.ts';
import type { Repository } from '../state/index.ts';
import { AskedAhead } from './asked-ahead.ts';

/** Somebody else has an address that weft, or Docker, was about to give. */
export interface AddressConflictFound {
  readonly network: Network;
  readonly dev: IfName;
  readonly ip: Ip;
  readonly holder: AddressHolder;
  /** What the address was to be. */
  readonly kind: LeaseKind;
}

export interface LanProbeParts {
  readonly repository: Pick<Repository, 'networks'>;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly kernel: Pick<Kernel, 'probe'>;
  /** Whether weft's IPAM gives the addresses of a subnet, and so has asked already. */
  readonly gives: (subnet: Cidr) => boolean;
  /** Addresses of a subnet that will probably be given next, after this one. */
  readonly upcoming: (subnet: Cidr, after: Ip) => readonly Ip[];
  readonly clock: Clock;
  readonly found: (conflict: AddressConflictFound) => void;
  readonly log: Logger;
}

/**
 * Asks the LANs of networks who has an address. Gateway and auxiliary addresses are others' on purpose, and not asked
 * about. Where a LAN cannot be asked, as while its link is down, addresses are given all the same: containers start.
 */
export class LanProbe {
  readonly #parts: LanProbeParts;
  readonly #asked: AskedAhead;

  constructor(parts: LanProbeParts) {
    this.#parts = parts;
    this.#asked = new AskedAhead((dev, ip, how) => parts.kernel.probe(dev, ip, how), parts.clock);
  }

  /** For the IPAM, which knows pools: that of a network is found by its subnet. Docker's networks are in its local space. */
  readonly holderOfPooled: AskLan = async ({ space, pool, ip, kind }) => {
    if (space !== ADDRESS_SPACES.local) return undefined;
    for (const network of this.#parts.repository.networks()) {
      if (!subnetsOf(network).includes(pool)) continue;
      const holder = await this.holderOf(network, ip, kind);
      if (holder !== undefined) return holder;
    }
    return undefined;
  };

  /** Who has an address on the LAN of a network; undefined when nobody has, or the network is on none. Never rejects. */
  async holderOf(network: Network, ip: Ip, kind: LeaseKind): Promise<AddressHolder | undefined> {
    const { found, log } = this.#parts;
    const dev = this.#linkOf(network);
    if (dev === undefined || isOthers(network, ip)) return undefined;
    // What a DHCP server offered was asked about before it was accepted.
    if (kind === 'endpoint' && this.#driverOf(network)?.dhcp?.(network) !== undefined) return undefined;
    try {
      const holder = await this.#asked.holderOf(dev, ip);
      if (kind === 'endpoint') this.#expectMore(network, dev, ip);
      if (holder !== undefined) found({ network, dev, ip, holder, kind });
      return holder;
    } catch (error) {
      const { id: networkId } = network.request;
      log.warn({ networkId, dev, ip, error: errorMessage(error) }, 'address given without asking the LAN');
      return undefined;
    }
  }

  /**
   * For addresses that another IPAM than weft's has given.
   * @throws {Conflict} naming who has one of them.
   */
  async assertFree(network: Network, { ipv4, ipv6 }: EndpointRequest): Promise<void> {
    const dev = this.#linkOf(network);
    if (dev === undefined || subnetsOf(network).some((subnet) => this.#parts.gives(subnet))) return;
    const ips = [ipv4, ipv6].flatMap((address) => (address === undefined ? [] : [address.ip]));
    const holders = await Promise.all(ips.map((ip) => this.holderOf(network, ip, 'endpoint')));
    for (const [index, holder] of holders.entries()) {
      if (holder === undefined) continue;
      const whose = holder.dev === undefined ? '' : `, this host’s ${holder.dev}`;
      throw new Conflict(
        `address ${ips[index]} is in use on the LAN of ${dev} by ${holder.mac}${whose}; keep it out of what Docker gives by --ip-range or --aux-address`,
        { networkId: network.request.id, mac: holder.mac },
      );
    }
  }

  /** Containers will follow, and shall not wait for what can be known before. */
  created(network: Network): void {
    const dev = this.#linkOf(network);
    if (dev === undefined) return;
    for (const { gateway, pool } of [...network.request.ipv4, ...network.request.ipv6]) {
      this.#expectMore(
        network,
        dev,
        gateway?.ip ?? ipFromBigint(cidrRange(pool).first, cidrRange(pool).family),
      );
    }
  }

  /** Whoever starts a container often starts more. */
  #expectMore(network: Network, dev: IfName, ip: Ip): void {
    const subnet = subnetsOf(network).find((each) => cidrContains(each, ip));
    if (subnet === undefined) return;
    const next = this.#parts.upcoming(subnet, ip).filter((each) => !isOthers(network, each));
    this.#asked.expect(dev, next);
  }

  #linkOf(network: Network): IfName | undefined {
    return this.#driverOf(network)?.lanLink?.(network);
  }

  #driverOf({ driver }: Network): NetworkDriver | undefined {
    return this.#parts.drivers.get(driver);
  }
}

function subnetsOf({ request }: Network): readonly Cidr[] {
  return [...request.ipv4, ...request.ipv6].map(({ pool }) => pool);
}

function isOthers({ request }: Network, ip: Ip): boolean {
  return [...request.ipv4, ...request.ipv6].some(
    ({ gateway, aux }) => gateway?.ip === ip || Object.values(aux).includes(ip),
  );
}
