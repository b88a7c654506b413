import type { Logger } from 'pino';
import { KeyedMutex } from '../core/keyed-mutex.ts';
import type { Kernel, Store } from '../core/ports.ts';
import type { IpamService } from '../ipam/index.ts';
import { openLinuxKernel } from '../kernel/index.ts';
import { openIpam } from './addresses.ts';
import { Cluster, openShared, type SharedBase } from './cluster/index.ts';
import type { Config } from './config.ts';
import { createMetrics, EventLog, type Metrics } from './control/index.ts';
import { type DhcpLeases, openDhcp } from './dhcp/index.ts';
import { DockerNames, type Engine, openEngine } from './docker/index.ts';
import { type LanProbe, openLan } from './lan/index.ts';
import { bridgesOf, networkWith } from './network-lookups.ts';
import { Repository } from './state/index.ts';
import { timedKernel, timedStore } from './timed-ports.ts';
import { metricsSample, type NamesSources } from './views/index.ts';

export interface ServiceParts {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  readonly store: Store;
  readonly interpose?: ((kernel: Kernel) => Kernel) | undefined;
}

export const clock = { now: () => Date.now() };

/** State and effects, opened and not yet reconciled. */
export interface Base {
  readonly parts: ServiceParts;
  readonly kernel: Kernel;
  readonly repository: Repository;
  readonly ipam: IpamService;
  /** Who else has addresses on the LANs of networks. */
  readonly lan: LanProbe;
  /** Addresses that DHCP servers on LANs have given. */
  readonly dhcp: DhcpLeases;
  readonly shared: SharedBase;
  readonly cluster: Cluster;
  readonly names: DockerNames;
  readonly engine: Engine | undefined;
  readonly events: EventLog;
  readonly metrics: Metrics;
  readonly ownBridges: () => Set<string>;
  readonly locks: KeyedMutex;
  /** Whether Docker has been heard since the start, or never will be: until then nothing unknown is deleted. */
  readonly docker: { heard: boolean };
  /** Names and services, once they are followed. */
  readonly discovered: { sources?: NamesSources };
}

/**
 * Opens the stores and the kernel, and reads what is stored.
 * @throws {WeftError} when one of them cannot be used.
 */
export async function openBase(parts: ServiceParts, stack: AsyncDisposableStack): Promise<Base> {
  const { config, log, version } = parts;
  const metrics = createMetrics({
    version,
    sample: () => metricsSample({ ...base, discovery: base.discovered.sources }),
  });
  const store = timedStore(parts.store, metrics.observeStoreCommit);
  const linux = await openLinuxKernel({
    log: ({ message, link, error }) => log.warn({ link, err: error }, message),
  });
  const timed = timedKernel(linux, metrics.observeKernelApply);
  const kernel = stack.use(parts.interpose?.(timed) ?? timed);
  const repository = await Repository.load(store);
  const shared = stack.use(await openShared({ config, version, log, store, kernel, clock }));
  const ownBridges = (): Set<string> => bridgesOf(repository);
  const names = new DockerNames();
  const events = new EventLog(clock);
  const pools = () => ipam.services;
  const lan = openLan({ repository, kernel, pools, clock, log, events, metrics });
  const ipam: IpamService = await openIpam({
    store,
    kernel,
    shared,
    restMs: config.restMs,
    ownDevice: (dev) => ownBridges().has(dev),
    nameOfSubnet: (subnet) => networkWith(repository, names, subnet),
    holderOf: lan.holderOfPooled,
  });
  const engine = config.docker === 'none' ? undefined : stack.use(openEngine(config.docker));
  const dhcp = stack.use(await openDhcp({ store, kernel, services: ipam.services, log, events }));
  const locks = new KeyedMutex();
  const cluster = stack.use(
    await Cluster.open({ ...parts, ...shared, repository, kernel, ipam, engine, locks, clock }),
  );
  const base: Base = {
    parts,
    kernel,
    repository,
    ipam,
    lan,
    dhcp,
    shared,
    cluster,
    names,
    engine,
    events,
    metrics,
    ownBridges,
    locks,
    docker: { heard: engine === undefined },
    discovered: {},
  };
  for (const problem of problemsOf(base)) log.error({ problem }, 'unreadable record; it is left alone');
  return base;
}

/** Records that could not be read, a sentence each. */
export function problemsOf({ repository, ipam, dhcp }: Base): readonly string[] {
  const addresses = ipam.problems.map(({ key, reason }) => `${key}: ${reason}`);
  return [...repository.problems, ...addresses, ...dhcp.problems];
}
