import type { Logger } from 'pino';
import type { EndpointId, SandboxKey } from '../core/ids.ts';
import type { Network } from '../core/model.ts';
import type { Clock, Store } from '../core/ports.ts';
import { drivers } from '../drivers/index.ts';
import type { IpamService } from '../ipam/index.ts';
import { Balancing } from './balancing/index.ts';
import type { Cluster, SharedBase } from './cluster/index.ts';
import type { Config } from './config.ts';
import type { EventLog } from './control/index.ts';
import { openContainerApi } from './docker/index.ts';
import type { LanProbe } from './lan/index.ts';
import { Naming } from './naming/index.ts';
import type { Networks } from './networks/index.ts';
import type { DriftLog } from './reconcile/index.ts';
import { FactSource, type FactSourceParts } from './resolver/fact-source.ts';
import { endResolver, hostServers, networkTtl, Resolver, serversBehindDocker } from './resolver/index.ts';
import { isNamespace, NamespaceWatch, RepositorySandboxes } from './sandboxes/index.ts';
import type { Repository } from './state/index.ts';
import { NameLookup, type NamesSources, NamingEvents } from './views/index.ts';

/** How long a call that Docker waits for may wait for names and virtual IPs. */
const WAIT_MS = 500;
/** Who waits longer for a sandbox to be in order is told that it is not. */
const LONG_MS = 10_000;

export interface ServiceDiscoveryParts {
  readonly config: Config;
  readonly version: string;
  readonly store: Store;
  readonly shared: SharedBase;
  /** Begun to follow the other hosts. */
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly ipam: IpamService;
  readonly lan: LanProbe;
  readonly drift: DriftLog;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Names, virtual IPs and the resolver, put together. */
export class ServiceDiscovery implements AsyncDisposable {
  /** For the control API, the doctor and metrics. */
  readonly sources: NamesSources;
  readonly #naming: Naming;
  readonly #namespaces: NamespaceWatch;
  readonly #balancing: Balancing;
  readonly #resolver: Resolver | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: {
    readonly sources: NamesSources;
    readonly naming: Naming;
    readonly namespaces: NamespaceWatch;
    readonly balancing: Balancing;
    readonly resolver: Resolver | undefined;
    readonly stack: AsyncDisposableStack;
  }) {
    this.sources = parts.sources;
    this.#naming = parts.naming;
    this.#namespaces = parts.namespaces;
    this.#balancing = parts.balancing;
    this.#resolver = parts.resolver;
    this.#stack = parts.stack;
  }

  /**
   * Begins to follow Docker, the stores and the sandboxes.
   * @throws {WeftError} when the store, the host's namespace or the run directory cannot be used.
   */
  static async open(parts: ServiceDiscoveryParts): Promise<ServiceDiscovery> {
    const { repository, events, clock, log, drift } = parts;
    await using stack = new AsyncDisposableStack();
    const naming = await openNaming(parts, stack);
    stack.use(new NamingEvents(naming.view, (event) => events.publish(event)));
    const sandboxes = stack.use(new RepositorySandboxes(repository));
    const namespaces = stack.use(new NamespaceWatch(sandboxes));
    const balancing = stack.use(
      await Balancing.open({
        naming: naming.view,
        sandboxes,
        namespaces,
        hostNetworks: () => sandboxes.networks(isReachedByHost),
        // The gateway of an overlay has one address on all hosts: an answer to it never leaves the backend's own.
        hostReaches: ({ node }) => node === parts.shared.node.name,
        drift,
        clock,
        log,
      }),
    );
    const ofHost = hostServers(clock);
    const facts: FactSourceParts = {
      naming: naming.view,
      sandboxes,
      ttlOf: (network) => networkTtl(repository.networks(), network),
      serversOf: (key) => {
        const own = (sandboxes.get(key)?.endpoints ?? []).map((endpoint) => naming.dnsOf(endpoint));
        return serversBehindDocker(
          own.find((each) => each !== undefined),
          ofHost,
        );
      },
    };
    const resolver = await openResolver(parts, facts, stack);
    if (resolver !== undefined) {
      stack.use(namespaces.subscribe(({ key, alive }) => (alive ? resolver.appeared(key) : undefined)));
      stack.use(balancing.onCompared((key) => resolver.disturbed(key)));
      stack.use(naming.onContainer((endpoints) => tellServers(resolver, repository, endpoints)));
    }
    if (log.isLevelEnabled('debug')) {
      const measured = { balancing, resolver, log };
      stack.use(namespaces.subscribe(({ key, alive }) => void (alive && logGap(key, measured))));
    }
    const lookup = stack.use(new NameLookup(stack.use(new FactSource(facts))));
    const sources: NamesSources = {
      naming,
      balancing,
      ...(resolver === undefined ? {} : { resolver }),
      table: () => lookup.table(),
    };
    return new ServiceDiscovery({ sources, naming, namespaces, balancing, resolver, stack: stack.move() });
  }

  /** After this host was fenced, or is no longer. */
  fenceChanged(): void {
    this.#naming.fenceChanged();
  }

  /**
   * Waits a moment until a sandbox whose namespace is there reaches names and virtual IPs. One whose namespace comes
   * later is served when it does. Never rejects.
   */
  async ready(key: SandboxKey): Promise<void> {
    if (!this.#namespaces.alive(key)) return;
    await Promise.all([this.#balancing.ready(key, WAIT_MS), this.#resolver?.ready(key, WAIT_MS)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Tells for how many milliseconds a sandbox was there without virtual IPs, and without names. Never rejects. */
async function logGap(
  sandbox: SandboxKey,
  parts: {
    readonly balancing: Balancing;
    readonly resolver: Resolver | undefined;
    readonly log: Logger;
  },
): Promise<void> {
  const { balancing, resolver, log } = parts;
  const began = performance.now();
  const after = async (ready: Promise<boolean> | undefined): Promise<number | undefined> =>
    (await ready) === true ? performance.now() - began : undefined;
  const [vips, names] = await Promise.all([
    after(balancing.ready(sandbox, LONG_MS)),
    after(resolver?.ready(sandbox, LONG_MS)),
  ]);
  log.debug({ sandbox, vips, names }, 'sandbox in order');
}

async function openNaming(parts: ServiceDiscoveryParts, stack: AsyncDisposableStack): Promise<Naming> {
  const { config, cluster, shared, store, repository, ipam, lan, clock, log } = parts;
  const { liveness } = cluster;
  const docker = config.docker === 'none' ? undefined : stack.use(openContainerApi(config.docker));
  return stack.use(
    await Naming.open({
      store,
      shared: shared.shared,
      liveness: liveness ?? { isDead: () => false, hasLease: () => true, subscribe: () => nothing },
      repository,
      ipam,
      docker,
      node: shared.node.name,
      hasEnded: (sandbox) => !isNamespace(sandbox),
      mayAct: () => shared.membership.fence === undefined,
      holderOf: (network, ip, kind) => lan.holderOf(network, ip, kind),
      clock,
      log,
    }),
  );
}

function isReachedByHost(network: Network): boolean {
  return drivers.get(network.driver)?.reachedByHost(network) === true;
}

const nothing: Disposable = { [Symbol.dispose]: () => undefined };

/** Whose container a sandbox is, and so which resolvers it asks, Docker says only once it runs. */
function tellServers(
  resolver: Resolver,
  repository: Pick<Repository, 'endpoint'>,
  endpoints: ReadonlySet<EndpointId>,
): void {
  const keys = [...endpoints].flatMap((id) => repository.endpoint(id)?.attachment?.sandboxKey ?? []);
  for (const sandbox of new Set(keys)) resolver.changed({ sandbox });
}

/** Undefined with `--resolver off`, which also ends one that an earlier weftd has left. */
async function openResolver(
  { config, version, log, drift }: ServiceDiscoveryParts,
  facts: FactSourceParts,
  stack: AsyncDisposableStack,
): Promise<Resolver | undefined> {
  const { runDir, stateDir, logLevel, resolverStandby: standby } = config;
  if (config.resolver === 'off') {
    await endResolver({ runDir, log, sandboxes: [...facts.sandboxes.all()].map(({ key }) => key) });
    return undefined;
  }
  return stack.use(
    await Resolver.open({
      ...facts,
      runDir,
      stateDir,
      version,
      log,
      drift,
      standby,
      debug: logLevel === 'debug',
    }),
  );
}

/**
 * The plugin's calls, the last of which before a container's processes waits for names and virtual IPs where the
 * engine has made the namespace by then (28 and later).
 */
export function waitingFor(
  discovery: Pick<ServiceDiscovery, 'ready'>,
  repository: Pick<Repository, 'endpoint'>,
  backend: Networks['backend'],
): Networks['backend'] {
  return {
    ...backend,
    programExternal: async (...call) => {
      await backend.programExternal(...call);
      const [, , endpointId] = call;
      const key = repository.endpoint(endpointId)?.attachment?.sandboxKey;
      if (key !== undefined) await discovery.ready(key);
    },
  };
}
