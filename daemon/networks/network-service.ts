import { creations, deletions } from '../../core/diff.ts';
import type { HostFacts } from '../../core/driver.ts';
import { errorMessage } from '../../core/errors.ts';
import type { NetworkId } from '../../core/ids.ts';
import type { KernelObject } from '../../core/kernel-objects.ts';
import type { DriverName, Network, NetworkRequest } from '../../core/model.ts';
import { type Context, driverOf, exclusively, networkOf } from './context.ts';
import type { EndpointService } from './endpoint-service.ts';
import { assertSameRequest } from './same-request.ts';

/**
 * Networks: intent is stored, then the kernel follows, then Docker is answered. Both calls may be repeated at any
 * time; what a crash leaves between two of those steps, the next start finishes.
 */
export class NetworkService {
  readonly #context: Context;
  readonly #endpoints: EndpointService;

  constructor(context: Context, endpoints: EndpointService) {
    this.#context = context;
    this.#endpoints = endpoints;
  }

  /**
   * @throws {InvalidArgument} | {Conflict} for options and subnets the driver refuses.
   * @throws {AlreadyExists} when the id is taken by a network with other content.
   * @throws {KernelError} when the kernel refuses; nothing is left then.
   */
  create(driverName: DriverName, request: NetworkRequest): Promise<void> {
    return exclusively(this.#context, request.id, request.id, () => this.#create(driverName, request));
  }

  async #create(driverName: DriverName, request: NetworkRequest): Promise<void> {
    const { repository, kernel, log, announce, clock, cluster, lan, leased } = this.#context;
    const driver = driverOf(this.#context, driverName);
    const existing = repository.network(request.id);
    if (existing !== undefined) {
      networkOf(this.#context, driverName, request.id);
      assertSameRequest(`network ${request.id}`, existing.request, request);
      await kernel.apply(creations(driver.planNetwork(existing)));
      return;
    }
    const facts = await this.#hostFacts(request);
    const parse = (): Network => ({
      driver: driverName,
      request,
      options: driver.parseNetwork(request, facts, [...repository.networks()]),
      createdAt: clock.now(),
    });
    leased?.assertPools(parse());
    const tunnel = await cluster?.tunnelFor(parse());
    // No await from here to putNetwork: two creations at once must see each other's subnets.
    const network: Network = { ...parse(), ...(tunnel === undefined ? {} : { tunnel }) };
    await repository.putNetwork(network);
    try {
      await kernel.apply(creations(driver.planNetwork(network)));
    } catch (error) {
      await repository.deleteNetwork(request.id);
      await cluster?.abandoned(network);
      throw error;
    }
    cluster?.created(network);
    lan?.created(network);
    await this.#bridgeChanged(driver.bridgeOf(network));
    const ignored = driver.ignoredOptions(network);
    if (ignored.length > 0) log.warn({ networkId: request.id, ignored }, 'options without a meaning here');
    announce({ kind: 'network-create', network: request.id, text: `created ${describe(network)}` });
  }

  /** Deletes whatever is left of the network, its endpoints included. An unknown id is fine. */
  delete(driverName: DriverName, id: NetworkId): Promise<void> {
    return exclusively(this.#context, id, id, async () => {
      if (this.#context.repository.network(id) === undefined) return;
      const network = networkOf(this.#context, driverName, id);
      await this.#context.cluster?.deleted(network);
      await this.#delete(network);
    });
  }

  /** Deletes a network that Docker does not know, which need not mean that somebody has removed it. */
  collect(id: NetworkId): Promise<void> {
    return exclusively(this.#context, id, id, async () => {
      const network = this.#context.repository.network(id);
      if (network === undefined) return;
      await this.#context.cluster?.collected(network);
      await this.#delete(network);
    });
  }

  async #delete(network: Network): Promise<void> {
    const { repository, kernel, log, announce } = this.#context;
    const { id } = network.request;
    const driver = driverOf(this.#context, network.driver);
    for (const endpoint of repository.endpointsOf(id)) await this.#endpoints.remove(network, endpoint);
    const plan = driver.planNetwork(network);
    await repository.deleteNetwork(id);
    const kept = this.#sharedLinks();
    try {
      await kernel.apply(deletions(plan.filter((object) => object.kind !== 'link')));
    } catch (error) {
      // Docker has forgotten the network whatever is answered; the reconciler finds what is left.
      log.error({ networkId: id, error: errorMessage(error) }, 'network is only partly gone; reconciling');
    }
    kernel.discardLinks(plan.flatMap(ownedLink).filter((name) => !kept.has(name)));
    await this.#bridgeChanged(driver.bridgeOf(network));
    announce({ kind: 'network-delete', network: id, text: `deleted ${describe(network)}` });
  }

  /** Links that networks on a LAN need: a VLAN sub-interface may be one of several networks. */
  #sharedLinks(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const network of this.#context.repository.networks()) {
      const driver = driverOf(this.#context, network.driver);
      if (driver.lanLink === undefined) continue;
      for (const name of driver.planNetwork(network).flatMap(ownedLink)) names.add(name);
    }
    return names;
  }

  /** The accept in DOCKER-USER is part of what a network needs; where it fails the reconciler goes on trying. */
  async #bridgeChanged(bridge: string | undefined): Promise<void> {
    const { namedBridgesChanged, log } = this.#context;
    if (bridge === undefined || bridge.startsWith('wb-')) return;
    await namedBridgesChanged?.().catch((error: unknown) => {
      log.error({ bridge, error: errorMessage(error) }, 'DOCKER-USER could not be kept');
    });
  }

  /** Links that exist and are nobody's of weft, once a bridge that is just going away has gone. */
  async #hostFacts(request: NetworkRequest): Promise<HostFacts> {
    const { 'com.docker.network.bridge.name': bridge = '', parent = '' } = request.options;
    if (bridge === '' && parent === '') return { foreignLinks: new Map() };
    await this.#context.kernel.discarded();
    const links = await this.#context.kernel.links();
    return {
      foreignLinks: new Map(
        links.filter((each) => !each.alias?.startsWith('weft:')).map((each) => [each.name, each]),
      ),
    };
  }
}

function ownedLink(object: KernelObject) {
  if (object.kind !== 'link' || (object.type === 'bridge' && object.adopted === true)) return [];
  return [object.name];
}

function describe({ driver, request }: Network): string {
  const subnets = [...request.ipv4, ...request.ipv6].map((each) => each.pool);
  return `${driver} network ${request.id.slice(0, 12)}${subnets.length > 0 ? ` with ${subnets.join(', ')}` : ''}`;
}
