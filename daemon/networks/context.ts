import type { Logger } from 'pino';
import type { Tunnel } from '../../core/cluster.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { Conflict, InvalidArgument, NotFound } from '../../core/errors.ts';
import type { EndpointId, Mac, NetworkId } from '../../core/ids.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { DriverName, Endpoint, EndpointRequest, Network } from '../../core/model.ts';
import type { Clock, Kernel } from '../../core/ports.ts';
import type { OwnerId, Repository } from '../state/index.ts';
import type { Publisher } from './publisher.ts';

/** Says what happened to a network or endpoint, for `weft events`. */
export type Announce = (event: {
  readonly kind: string;
  readonly network?: NetworkId;
  readonly endpoint?: EndpointId;
  readonly text: string;
  readonly fields?: Readonly<Record<string, string | number>>;
}) => void;

/** Where an overlay network and its endpoints need the cluster's consent. */
export interface ClusterGate {
  /**
   * The tunnel of a network that names itself; undefined for one whose name only Docker knows, which comes later.
   * @throws {Conflict} naming what differs from the network of that name. {Unavailable}
   */
  tunnelFor(network: Network): Promise<Tunnel | undefined>;
  /** The network is stored and made. */
  created(network: Network): void;
  /** The network is about to be no longer stored; durable when it resolves. */
  deleted(network: Network): Promise<void>;
  /** As `deleted`, of one that Docker does not know (any more). */
  collected(network: Network): Promise<void>;
  /** The network could not be made; what was defined for it alone goes. */
  abandoned(network: Network): Promise<void>;
  /** @throws {Conflict} | {Unavailable} saying why containers cannot join the network. */
  whenBound(id: NetworkId): Promise<void>;
  /** @throws {Conflict} naming the node that has an address asked for. */
  assertFree(network: Network, request: EndpointRequest): void;
}

/** Where containers share a LAN with others, which may have an address that Docker gives. */
export interface LanGate {
  /** A network has been made. */
  created(network: Network): void;
  /** @throws {Conflict} naming who has an address asked for. */
  assertFree(network: Network, request: EndpointRequest): Promise<void>;
}

/** Where the addresses of a network come from a DHCP server, which knows them by a MAC. */
export interface LeasedAddresses {
  /** @throws {InvalidArgument} when a network is to have them, and its subnet is not weft's to give. */
  assertPools(network: Network): void;
  /**
   * The MAC that the address of a new endpoint was got for, for a request that names none; undefined for any other
   * address. A MAC that the request names is told to the server.
   */
  macFor(network: Network, request: EndpointRequest): Promise<Mac | undefined>;
}

/** What the network and endpoint services work with. */
export interface Context {
  readonly repository: Repository;
  readonly kernel: Kernel;
  readonly publisher: Publisher;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  /** One writer per network. */
  readonly locks: KeyedMutex;
  readonly clock: Clock;
  readonly log: Logger;
  readonly announce: Announce;
  /** What other hosts have to say of overlay networks; absent where nothing is shared. */
  readonly cluster?: ClusterGate;
  /** Absent: no LAN is asked. */
  readonly lan?: LanGate;
  /** What DHCP servers know of; absent: no network has its addresses from one. */
  readonly leased?: LeasedAddresses;
  /** Called when a bridge came or went whose name does not tell that it is weft's, so that forwarding follows. */
  readonly namedBridgesChanged?: () => Promise<void>;
}

/** Runs a change of one owner in turn with all others of its network. */
export function exclusively<Result>(
  context: Context,
  networkId: NetworkId,
  owner: OwnerId,
  task: () => Promise<Result>,
): Promise<Result> {
  return context.locks.run(networkId, () => context.repository.during(owner, task));
}

/** @throws {InvalidArgument} when this weftd has no such driver. */
export function driverOf(context: Context, name: DriverName): NetworkDriver {
  const driver = context.drivers.get(name);
  if (driver === undefined) throw new InvalidArgument(`this weftd has no driver ${name}`);
  return driver;
}

/** @throws {NotFound} or {Conflict} when the network does not exist or belongs to another driver. */
export function networkOf(context: Context, name: DriverName, id: NetworkId): Network {
  const network = context.repository.network(id);
  if (network === undefined) throw new NotFound(`network ${id} does not exist`, { networkId: id });
  if (network.driver !== name) {
    throw new Conflict(`network ${id} belongs to ${network.driver}, not to ${name}`, { networkId: id });
  }
  return network;
}

/** @throws {NotFound} when the endpoint does not exist in that network. */
export function endpointOf(context: Context, networkId: NetworkId, id: EndpointId): Endpoint {
  const endpoint = context.repository.endpoint(id);
  if (endpoint === undefined || endpoint.request.networkId !== networkId) {
    throw new NotFound(`endpoint ${id} does not exist in network ${networkId}`, {
      networkId,
      endpointId: id,
    });
  }
  return endpoint;
}
