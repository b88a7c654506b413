import { CLUSTER_KEYS } from '../../core/cluster.ts';
import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { networkKey } from '../../core/naming.ts';
import type { SharedView } from '../../core/ports.ts';
import type { HealthProbe, ServiceDeclaration } from '../../core/service.ts';
import { RecordPublisher } from '../cluster/index.ts';
import type { Repository } from '../state/index.ts';
import type { KnownContainer } from './container-watch.ts';
import { declarationOf, nameRecord, namesOf } from './derive-name.ts';
import type { Log } from './log.ts';
import { isClusterNetwork } from './network-key.ts';
import { Prober } from './prober.ts';
import { encodeNaming, namingKeys, parseNamingKey } from './records.ts';
import type { StoreView } from './store-view.ts';

export interface LocalNamesParts {
  readonly repository: Repository;
  /** The cluster's store, and this host's own. */
  readonly shared: SharedView;
  readonly host: SharedView;
  readonly view: StoreView;
  readonly node: string;
  /** Who has an endpoint, as far as Docker has said; undefined: there is no Docker to ask. */
  readonly holder: ((endpoint: EndpointId) => KnownContainer | undefined) | undefined;
  /** Whether a sandbox is no more; absent: none is. */
  readonly hasEnded?: (sandbox: SandboxKey) => boolean;
  readonly mayPublish: () => boolean;
  readonly log: Log;
}

/** Where an endpoint's record belongs. */
interface Place {
  readonly network: string;
  readonly key: string;
  readonly to: RecordPublisher;
}

/**
 * Tells of the names of this host's endpoints: those in sandboxes, of which Docker has said whose they are. What
 * Docker has not said again after a restart of weftd is told as it was before, unless its sandbox is no more: a host that
 * was switched off has none of those it had, and Docker makes new endpoints for what it starts again.
 */
export class LocalNames implements AsyncDisposable {
  readonly #parts: LocalNamesParts;
  readonly #shared: RecordPublisher;
  readonly #host: RecordPublisher;
  readonly #prober = new Prober((endpoint) => this.refresh(endpoint));
  /** What was told of each endpoint, and where. */
  readonly #told = new Map<EndpointId, Place>();
  /** Where records of endpoints are that Docker has not been heard of. */
  readonly #awaited = new Map<EndpointId, Place>();
  /** Services that say how their backends are probed. */
  readonly #probing = new Set<string>();
  readonly #problems = new Map<string, string>();
  readonly #stack = new DisposableStack();

  constructor(parts: LocalNamesParts) {
    this.#parts = parts;
    const { shared, host, mayPublish, log } = parts;
    const common = { prefix: CLUSTER_KEYS.name, isOwn: (key: string) => this.#isOwn(key), of: 'names', log };
    this.#shared = new RecordPublisher({ ...common, shared, mayPublish });
    this.#host = new RecordPublisher({ ...common, shared: host, mayPublish: () => true });
    this.#stack.use(this.#prober);
    for (const network of parts.view.networks())
      for (const { name, health } of parts.view.services(network))
        if (health !== undefined) this.#probing.add(`${network}/${name}`);
    this.#stack.use(
      parts.repository.observe({
        put: (record) => ('driver' in record ? this.#network(record) : this.#endpoint(record)),
        drop: (id) => this.#drop(id as EndpointId),
      }),
    );
    this.#stack.use(
      parts.view.subscribe((changes) => {
        for (const change of changes)
          if (change.kind === 'service') this.#service(change.network, change.name);
      }),
    );
    this.compare();
  }

  /** What is wrong with labels and driver options, a sentence each. */
  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** Compares all that is told with what is to be told. */
  compare(): void {
    this.#shared.compare();
    this.#host.compare();
  }

  /** Something that its names or state follow from may be other than before. */
  refresh(id: EndpointId): void {
    const endpoint = this.#parts.repository.endpoint(id);
    if (endpoint !== undefined) this.#endpoint(endpoint);
  }

  /** Resolves when what was to be told has been told or has failed. */
  async settled(): Promise<void> {
    await Promise.all([this.#shared.settled(), this.#host.settled()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose();
    await Promise.all([this.#shared[Symbol.asyncDispose](), this.#host[Symbol.asyncDispose]()]);
  }

  /** A record of an endpoint that Docker has not been heard of is left as it is. */
  #isOwn(key: string): boolean {
    const parsed = parseNamingKey(key);
    if (parsed?.kind !== 'name' || parsed.node !== this.#parts.node) return false;
    return this.#awaited.get(parsed.endpoint)?.key !== key;
  }

  #hasEnded({ attachment }: Endpoint): boolean {
    const { hasEnded } = this.#parts;
    return attachment !== undefined && hasEnded?.(attachment.sandboxKey) === true;
  }

  /** Undefined for an endpoint that is not to be told of. */
  #place(endpoint: Endpoint): Place | undefined {
    if (endpoint.attachment === undefined) return undefined;
    const network = this.#parts.repository.network(endpoint.request.networkId);
    const name = network && networkKey(network);
    if (network === undefined || name === undefined) return undefined;
    const key = namingKeys.name(name, this.#parts.node, endpoint.request.id);
    return { network: name, key, to: isClusterNetwork(network) ? this.#shared : this.#host };
  }

  #network({ request }: Network): void {
    // It may have been bound to the cluster, or to another definition, just now.
    for (const endpoint of this.#parts.repository.endpointsOf(request.id)) this.#endpoint(endpoint);
  }

  #endpoint(endpoint: Endpoint): void {
    const { id } = endpoint.request;
    const place = this.#place(endpoint);
    if (place === undefined) {
      this.#drop(id);
      return;
    }
    const { holder, node } = this.#parts;
    const container = holder?.(id);
    if (holder !== undefined && container === undefined) {
      // Docker may be down, or will say it in a moment. Nobody is probed who may be somebody else by now.
      this.#prober.watch(id, undefined);
      if (this.#told.has(id)) return;
      if (this.#hasEnded(endpoint)) this.#drop(id);
      else this.#awaited.set(id, place);
      return;
    }
    const { declaration, problem } = declarationOf(endpoint, container);
    this.#note(endpoint, container, problem);
    const health = this.#healthOf(place.network, endpoint, container, declaration);
    const probed = this.#probe(endpoint, container, health);
    const record = nameRecord(endpoint, { network: place.network, node, container, declaration, probed });
    if (record === undefined) {
      this.#drop(id);
      return;
    }
    const told = this.#told.get(id);
    if (told !== undefined && told.key !== place.key) told.to.unwant(told.key);
    this.#told.set(id, place);
    this.#awaited.delete(id);
    place.to.want(place.key, encodeNaming(record));
  }

  #drop(id: EndpointId): void {
    this.#prober.watch(id, undefined);
    this.#problems.delete(id);
    const place = this.#told.get(id) ?? this.#awaited.get(id);
    this.#told.delete(id);
    this.#awaited.delete(id);
    place?.to.unwant(place.key);
  }

  /** How it is probed: as it says itself, or else as a service says that it belongs to. */
  #healthOf(
    network: string,
    endpoint: Endpoint,
    container: KnownContainer | undefined,
    declaration: ServiceDeclaration | undefined,
  ): HealthProbe | undefined {
    if (declaration?.health !== undefined) return declaration.health;
    const { view } = this.#parts;
    const own = declaration && view.service(network, declaration.service);
    const names = container === undefined ? [] : namesOf(endpoint, container);
    const all = [...(own === undefined ? [] : [own]), ...view.selecting(network, names)];
    return all.find(({ health }) => health !== undefined)?.health;
  }

  #probe(endpoint: Endpoint, container: KnownContainer | undefined, probe: HealthProbe | undefined) {
    const { id, ipv4, ipv6 } = endpoint.request;
    const ip = (ipv4 ?? ipv6)?.ip;
    const sandbox = endpoint.attachment?.sandboxKey;
    const isOff = probe === undefined || ip === undefined || sandbox === undefined;
    return this.#prober.watch(id, isOff || container?.running === false ? undefined : { sandbox, ip, probe });
  }

  #note(endpoint: Endpoint, container: KnownContainer | undefined, problem: string | undefined): void {
    const { id } = endpoint.request;
    if (problem === undefined) {
      this.#problems.delete(id);
      return;
    }
    const who = container === undefined ? `endpoint ${id.slice(0, 12)}` : `container ${container.name}`;
    const text = `${who}: ${problem}`;
    if (this.#problems.get(id) === text) return;
    this.#problems.set(id, text);
    this.#parts.log.warn({ endpointId: id, problem }, `${who} is no backend: its labels are not accepted`);
  }

  /** A service has come, gone or changed. */
  #service(network: string, name: string): void {
    const { view, repository } = this.#parts;
    const key = `${network}/${name}`;
    const probes = view.service(network, name)?.health !== undefined;
    if (!probes && !this.#probing.has(key)) return;
    if (probes) this.#probing.add(key);
    else this.#probing.delete(key);
    for (const record of view.names(network))
      if (record.node === this.#parts.node && repository.endpoint(record.endpoint) !== undefined)
        this.refresh(record.endpoint);
  }
}
