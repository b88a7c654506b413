import { pino } from 'pino';
import type { EndpointId } from '../../core/ids.ts';
import { KeyedMutex } from '../../core/keyed-mutex.ts';
import { type AddressConflictFound, LanProbe } from '../../daemon/lan/index.ts';
import type { Announce } from '../../daemon/networks/context.ts';
import { createNetworks, type Networks, Publisher } from '../../daemon/networks/index.ts';
import { DesiredState, DriftLog, hostPlan, Reconciler } from '../../daemon/reconcile/index.ts';
import { replumbEndpoint } from '../../daemon/replumb.ts';
import { Repository } from '../../daemon/state/index.ts';
import { drivers as allDrivers } from '../../drivers/index.ts';
import { FakeKernel } from './fake-kernel.ts';
import { FakePorts } from './fake-ports.ts';
import { MemoryStore } from './memory-store.ts';

/** A sandbox that exists as long as the test does, and one that never did. */
export const LIVE_SANDBOX = '/proc/self/ns/net';
export const OTHER_LIVE_SANDBOX = '/proc/self/ns/mnt';
export const DEAD_SANDBOX = '/proc/self/ns/none';

/** The part of weftd between the plugin sockets and the host, on a store and a kernel that only remember. */
export interface HostWorld {
  readonly store: MemoryStore;
  readonly kernel: FakeKernel;
  readonly ports: FakePorts;
  readonly publisher: Publisher;
  readonly repository: Repository;
  readonly backend: Networks['backend'];
  readonly collectNetwork: Networks['collectNetwork'];
  readonly reconciler: Reconciler;
  readonly drift: DriftLog;
  readonly events: Parameters<Announce>[0][];
  readonly lan: LanProbe;
  /** Addresses that somebody else on a LAN was found to have. */
  readonly conflicts: AddressConflictFound[];
  /** Whether Docker has been heard. */
  readonly docker: { heard: boolean };
  /** What the store holds, one record a line. */
  stored(): Promise<string>;
}

/** Starts on a host: reads the store, takes the ports again, and makes the kernel follow (`reconcile` false: not). */
export async function startWorld(
  host: {
    readonly store?: MemoryStore;
    readonly kernel?: FakeKernel;
    readonly ports?: FakePorts;
    readonly reconcile?: boolean;
    readonly drivers?: typeof allDrivers;
    /** Subnets whose addresses weft's IPAM gives, so that their LAN has been asked already. */
    readonly given?: readonly string[];
  } = {},
): Promise<HostWorld> {
  const { store = new MemoryStore(), kernel = new FakeKernel(), ports = new FakePorts() } = host;
  const { drivers = allDrivers, given = [] } = host;
  const log = pino({ level: 'silent' });
  const clock = { now: () => 1000 };
  const repository = await Repository.load(store);
  const drift = new DriftLog({ repaired: () => undefined, recovered: () => undefined });
  const docker = { heard: true };
  const events: Parameters<Announce>[0][] = [];
  const conflicts: AddressConflictFound[] = [];
  const reconciler = new Reconciler({
    repository,
    kernel,
    forwardAccept: {
      ensure: async () => [],
      remove: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    },
    desired: new DesiredState(hostPlan({ ipv6: true }), repository, drivers),
    namedBridges: () => [],
    replumb: (veth, endpoint) => replumbEndpoint({ repository, drivers, kernel, log }, veth, endpoint),
    mayDelete: () => docker.heard,
    repaired: async () => undefined,
    drift,
    clock,
    log,
  });
  const publisher = new Publisher({
    reserver: ports,
    relays: ports.relays,
    range: () => ({ first: 50_000, last: 50_009 }),
    nameOf: (id: EndpointId) => `endpoint ${id.slice(0, 12)}`,
  });
  if (host.reconcile !== false) await reconciler.pass('start');
  for (const { request, published } of repository.endpoints()) await publisher.restore(request.id, published);
  const lan = new LanProbe({
    repository,
    drivers,
    kernel,
    gives: (subnet) => given.includes(subnet),
    upcoming: () => [],
    clock,
    found: (conflict) => conflicts.push(conflict),
    log,
  });
  const { backend, collectNetwork } = createNetworks({
    repository,
    kernel,
    publisher,
    drivers,
    locks: new KeyedMutex(),
    clock,
    log,
    announce: (event) => events.push(event),
    lan,
  });
  const stored = async (): Promise<string> =>
    (await store.list('')).entries.map(({ key, value }) => `${key} ${Buffer.from(value)}`).join('\n');
  return {
    store,
    kernel,
    ports,
    publisher,
    repository,
    backend,
    collectNetwork,
    reconciler,
    drift,
    events,
    lan,
    conflicts,
    docker,
    stored,
  };
}
