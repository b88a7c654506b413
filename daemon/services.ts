import { setTimeout as sleep } from 'node:timers/promises';
import type { IfName } from '../core/ids.ts';
import type { ObjectKey } from '../core/kernel-objects.ts';
import { OWN_NAME } from '../core/names.ts';
import { drivers } from '../drivers/index.ts';
import { HostPorts, hasIpv6, openForwardAccept, readEphemeralRange } from '../kernel/index.ts';
import { ipamBackend } from './addresses.ts';
import { type Base, clock, openBase, problemsOf, type ServiceParts } from './base.ts';
import { startCollecting, takeIn } from './collecting.ts';
import type { ControlBackend, Metrics } from './control/index.ts';
import { keepLeases, NetworkAddresses } from './dhcp/index.ts';
import { type Engine, NamesFeed } from './docker/index.ts';
import { runDoctor } from './doctor/index.ts';
import type { BoundBackends } from './late-backends.ts';
import { createNetworks, type Networks, Publisher, tcpRelays } from './networks/index.ts';
import type { ObserveCall } from './plugin/index.ts';
import {
  DesiredState,
  DriftLog,
  hostPlan,
  ReconcileLoop,
  Reconciler,
  withoutLocalnet,
} from './reconcile/index.ts';
import { replumbEndpoint } from './replumb.ts';
import { ServiceDiscovery, waitingFor } from './service-discovery.ts';
import { clusterHosts, createControlBackend, metricsSample, namesHealth } from './views/index.ts';

/** Everything behind the sockets, recovered and running. */
export interface Services extends BoundBackends, AsyncDisposable {
  readonly control: ControlBackend;
  readonly metrics: Metrics;
  readonly observeCall: ObserveCall;
  setReady(): void;
}

/** How long Docker may take to say what it has before weftd answers without. */
const FIRST_ANSWER_MS = 1000;

/**
 * Reads the state, makes the kernel follow it, and starts what keeps it so.
 * @throws {WeftError} when the store or the kernel cannot be used.
 */
export async function openServices(parts: ServiceParts): Promise<Services> {
  await using stack = new AsyncDisposableStack();
  const base = await openBase(parts, stack);
  const publisher = await openPublisher(base);
  const { loop, drift, namedBridgesChanged } = await startReconciling(base, stack);
  const { repository, kernel, events, metrics, engine, locks } = base;
  await restorePorts(base, publisher);
  const addresses = openAddresses(base, stack);
  const networks = createNetworks({
    repository,
    kernel,
    publisher,
    drivers,
    locks,
    clock,
    log: parts.log,
    announce: (event) => events.publish(event),
    cluster: base.cluster,
    lan: base.lan,
    leased: addresses,
    namedBridgesChanged,
  });
  base.shared.isIdle = () => base.cluster.isIdle();
  base.cluster.start();
  if (engine !== undefined) await followDocker({ ...base, engine, networks, loop }, stack);
  const discovery = stack.use(await ServiceDiscovery.open({ ...parts, ...base, drift, clock }));
  base.shared.onFence = () => {
    base.cluster.fenceChanged();
    discovery.fenceChanged();
  };
  base.discovered.sources = discovery.sources;
  let ready = false;
  const control = openControl(base, { drift, loop, discovery, ready: () => ready });
  const running = stack.move();
  return {
    network: waitingFor(discovery, base.repository, networks.backend),
    ipam: addresses,
    control,
    metrics,
    observeCall: (method, driver, seconds, outcome) =>
      metrics.observePluginCall({ method, driver, outcome }, seconds),
    setReady: () => {
      ready = true;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The IPAM calls, with the leases of DHCP servers behind them looked after. */
function openAddresses(base: Base, stack: AsyncDisposableStack): NetworkAddresses {
  const { ipam, repository, names, parts } = base;
  const common = {
    ipam,
    repository,
    drivers,
    leases: base.dhcp,
    hostId: base.shared.node.id,
    log: parts.log,
  };
  stack.use(keepLeases({ ...common, nameOf: (id) => names.container(id) }));
  return new NetworkAddresses({ ...common, addresses: ipamBackend(ipam) });
}

function openControl(
  base: Base,
  more: {
    readonly drift: DriftLog;
    readonly loop: ReconcileLoop;
    readonly discovery: ServiceDiscovery;
    readonly ready: () => boolean;
  },
): ControlBackend {
  const { config, version, log } = base.parts;
  const { drift, loop, ready } = more;
  const discovery = more.discovery.sources;
  const doctor = () =>
    runDoctor({
      ...base,
      config,
      naming: namesHealth(discovery, base),
      problems: problemsOf(base),
      ipam: metricsSample(base).pools,
      dhcp: base.dhcp.list(),
      hosts: clusterHosts({ ...base, config }),
    });
  return createControlBackend({
    ...base,
    drivers,
    drift,
    loop,
    config,
    version,
    log,
    discovery,
    doctor,
    ready,
  });
}

async function followDocker(
  base: Base & { readonly engine: Engine; readonly networks: Networks; readonly loop: ReconcileLoop },
  stack: AsyncDisposableStack,
): Promise<void> {
  const { engine, parts } = base;
  const { log, config } = parts;
  const collector = stack.use(startCollecting({ ...base, clock, log, graceMs: config.gcGraceMs }));
  // A store from a backup must not give away what a container has taken since. A dockerd that is down or starting,
  // and may be waiting for this very weftd, is not waited for.
  await Promise.race([collector.firstRound, sleep(FIRST_ANSWER_MS, undefined, { ref: false })]);
  stack.use(new NamesFeed({ engine, heard: (networks) => takeIn(base, networks), log }));
}

async function openPublisher({ repository, names }: Base): Promise<Publisher> {
  const range = await readEphemeralRange();
  return new Publisher({
    reserver: new HostPorts(),
    relays: tcpRelays,
    range: () => range,
    nameOf: (id) => {
      const holder = names.container(id) ?? `endpoint ${id.slice(0, 12)}`;
      const networkId = repository.endpoint(id)?.request.networkId;
      if (networkId === undefined) return holder;
      return `${holder} in network ${names.network(networkId) ?? networkId.slice(0, 12)}`;
    },
  });
}

async function startReconciling(
  base: Base,
  stack: AsyncDisposableStack,
): Promise<{
  readonly loop: ReconcileLoop;
  readonly drift: DriftLog;
  readonly namedBridgesChanged: () => Promise<void>;
}> {
  const { parts, kernel, repository, events, metrics, ownBridges } = base;
  const { log } = parts;
  const drift = new DriftLog({
    repaired: (repair) => {
      metrics.countDriftRepair(repair.kind, repair.cause);
      events.publish({ kind: 'drift.repair', text: `${repair.action} ${repair.key} (${repair.cause})` });
      log.warn({ ...repair }, 'drift repaired');
    },
    recovered: (kind, count) => {
      metrics.countDriftRepair(kind, 'start', count);
      events.publish({ kind: 'drift.repair', text: `recovered objects of kind ${kind}: ${count}` });
    },
  });
  const desired = new DesiredState(hostPlan({ ipv6: await hasIpv6() }), repository, drivers);
  let compare = (): void => undefined;
  base.cluster.desire(desired, () => compare());
  const forwardAccept = stack.use(await openForwardAccept());
  const namedBridges = () => [...ownBridges()].filter((name) => !name.startsWith('wb-')) as IfName[];
  const reconciler = new Reconciler({
    repository,
    kernel,
    forwardAccept,
    desired,
    namedBridges,
    replumb: (link, endpoint) => replumbEndpoint({ repository, drivers, kernel, log }, link, endpoint),
    mayDelete: () => base.docker.heard,
    repaired: (steps) => base.cluster.repaired(steps),
    drift,
    clock,
    log,
  });
  await reconciler.pass('start');
  if (drift.totals().length > 0) log.info({ repaired: drift.totals() }, 'recovered');
  const wanted = (dev: string) => desired.link(dev);
  const wantedObject = (key: ObjectKey) => desired.now().get(key)?.object;
  const concerns = (dev: string): boolean =>
    (OWN_NAME.test(dev) && !dev.startsWith('wc-')) || wanted(dev) !== undefined;
  const standingOn = (dev: string) => desired.standingOn(dev);
  const silent = async () => {
    if (forwardAccept.resized()) await reconciler.keepForwarding('timer');
    return withoutLocalnet(desired.localnetBridges());
  };
  const loop = stack.use(
    new ReconcileLoop({ reconciler, kernel, concerns, wanted, wantedObject, standingOn, silent, log }),
  );
  compare = () => loop.request('notification');
  return {
    loop,
    drift,
    namedBridgesChanged: async () => void (await forwardAccept.ensure(namedBridges())),
  };
}

async function restorePorts({ parts, repository }: Base, publisher: Publisher): Promise<void> {
  for (const { request, published } of repository.endpoints()) {
    const lost = await publisher.restore(request.id, published);
    if (lost.length > 0)
      parts.log.warn({ endpointId: request.id, lost }, 'published ports are bound by others too');
  }
}
