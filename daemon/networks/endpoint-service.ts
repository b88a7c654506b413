import { creations, deletions } from '../../core/diff.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { Conflict, errorMessage } from '../../core/errors.ts';
import type { EndpointId, Mac, NetworkId } from '../../core/ids.ts';
import { isLanLink } from '../../core/kernel-objects.ts';
import type {
  Attachment,
  DriverName,
  Endpoint,
  EndpointRequest,
  JoinInfo,
  Network,
} from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import { abandonedHolders, isOnHost, sandboxLives } from './abandoned.ts';
import { announceAddresses } from './announce-addresses.ts';
import { type Context, driverOf, endpointOf, exclusively, networkOf } from './context.ts';
import { makeRoom } from './one-container.ts';
import { forgetUdpFlows, portObjects, rulesWithout, withdrawPorts } from './port-objects.ts';
import { assertSameRequest } from './same-request.ts';

/**
 * Endpoints from creation to deletion. Creating stores intent only; the link is made at Join, because Docker moves it
 * right after. Leave takes the ports away but not the link, which Docker is about to move back (unless it is on a LAN and
 * the container has ended); deletion does that, after it has been answered. Every call may be repeated, and each undoes what later calls were to undo.
 */
export class EndpointService {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * @returns the MAC weft chose, if the request had none.
   * @throws {NotFound} for an unknown network. {AlreadyExists} for an id with other content. {InvalidArgument}.
   * @throws {Conflict} when another endpoint of the network has the address, or another machine on its LAN.
   */
  async create(driverName: DriverName, request: EndpointRequest): Promise<{ readonly mac?: Mac }> {
    const { repository, clock, announce, lan } = this.#context;
    const known = repository.network(request.networkId);
    // Outside the network's turn, so that containers that start at once do not wait for each other's probes.
    if (known !== undefined && repository.endpoint(request.id) === undefined) {
      await lan?.assertFree(known, request);
    }
    return exclusively(this.#context, request.networkId, request.id, async () => {
      const network = networkOf(this.#context, driverName, request.networkId);
      const driver = driverOf(this.#context, driverName);
      const chosen = request.mac === undefined ? driver.chosenMac(network, request) : undefined;
      const existing = repository.endpoint(request.id);
      if (existing !== undefined) {
        assertSameRequest(`endpoint ${request.id}`, existing.request, request);
        return chosen === undefined ? {} : { mac: existing.mac };
      }
      driver.parseEndpoint(network, request);
      this.#context.cluster?.assertFree(network, request);
      await this.#freeAddresses(network, request);
      const leased = await this.#context.leased?.macFor(network, request);
      const mac = request.mac ?? leased ?? chosen ?? derivedMac(request.id);
      await repository.putEndpoint({ request, mac, published: [], external: false, createdAt: clock.now() });
      announce({
        kind: 'endpoint-create',
        network: request.networkId,
        endpoint: request.id,
        text: `created endpoint ${request.id.slice(0, 12)} ${addresses(request)}`,
      });
      return chosen === undefined ? {} : { mac };
    });
  }

  /**
   * An address has one endpoint. Docker's IPAM gives one again only after it has forgotten the endpoint that had it,
   * which it does without a word to the driver when dockerd was killed (protocol 6.1), so that one goes.
   * @throws {Conflict} when the other endpoint's sandbox is alive.
   */
  async #freeAddresses(network: Network, request: EndpointRequest): Promise<void> {
    const { repository, log } = this.#context;
    const { networkId } = request;
    for (const address of [request.ipv4, request.ipv6]) {
      if (address === undefined) continue;
      const owner = repository.addressOwner(networkId, address.ip);
      const holder = owner && repository.endpoint(owner);
      if (holder === undefined) continue;
      const sandbox = holder.attachment?.sandboxKey;
      if (sandbox !== undefined && (await sandboxLives(sandbox))) {
        throw new Conflict(`address ${address.ip} belongs to endpoint ${owner}`, { networkId });
      }
      log.warn({ networkId, endpointId: owner, ip: address.ip }, 'Docker gave its address away; deleting it');
      await this.remove(network, holder);
    }
  }

  /**
   * Makes the link and says how to plumb it. Repeating a Join gives the same answer.
   * @throws {NotFound} for an unknown network or endpoint.
   * @throws {Conflict} when it is in another sandbox, or the network has the one container that it admits.
   * @throws {KernelError} when the kernel refuses; the endpoint is as before then.
   */
  async join(
    driverName: DriverName,
    networkId: NetworkId,
    id: EndpointId,
    attachment: Attachment,
  ): Promise<JoinInfo> {
    const { repository, kernel, cluster } = this.#context;
    // Outside the network's turn, which the cluster needs to give it its tunnel.
    if (driverName === 'weft-overlay') await cluster?.whenBound(networkId);
    return exclusively(this.#context, networkId, id, async () => {
      const network = networkOf(this.#context, driverName, networkId);
      const driver = driverOf(this.#context, driverName);
      const before = endpointOf(this.#context, networkId, id);
      if (before.attachment !== undefined && before.attachment.sandboxKey !== attachment.sandboxKey) {
        throw new Conflict(`endpoint ${id} is in sandbox ${before.attachment.sandboxKey} already`, {
          endpointId: id,
        });
      }
      await makeRoom(this.#context, network, id, (other) => this.remove(network, other));
      const endpoint: Endpoint = { ...before, attachment };
      await repository.putEndpoint(endpoint);
      if (before.attachment !== undefined) await this.#unplumb(driver, network, endpoint);
      try {
        await kernel.apply(creations(driver.planEndpoint(network, endpoint)));
      } catch (error) {
        await repository.putEndpoint(before);
        throw error;
      }
      announceAddresses(this.#context, driver, network, endpoint);
      return driver.joinInfo(network, endpoint);
    });
  }

  /**
   * Before a repeated Join: Docker will move the link it is told of, so one that is in a sandbox already (put there
   * when weftd started after a death inside the first Join) is made again on the host.
   */
  async #unplumb(driver: NetworkDriver, network: Network, endpoint: Endpoint): Promise<void> {
    const { kernel } = this.#context;
    await this.#takeBack(driver, network, endpoint);
    if (await isOnHost(this.#context, driver, network, endpoint)) return;
    const links = driver.endpointLinks(endpoint);
    kernel.discardLinks(links);
    await kernel.discarded(links);
  }

  /**
   * Deletes a link that stands on a device of the host and is in a sandbox, where none of the host's goes with it. After
   * a Leave there is none. A sandbox that cannot be entered keeps it until it ends.
   */
  async #takeBack(driver: NetworkDriver, network: Network, endpoint: Endpoint): Promise<void> {
    const links = driver.planEndpoint(network, endpoint).filter(isLanLink);
    if (links.length === 0) return;
    const { kernel, log } = this.#context;
    await kernel.apply(deletions(links)).catch((error: unknown) => {
      const { id: endpointId, networkId } = endpoint.request;
      log.warn({ networkId, endpointId, error: errorMessage(error) }, 'link not taken from its sandbox');
    });
  }

  /**
   * Publishes the ports that Join named; the endpoint carries the sandbox's default route from now on. Ports of
   * containers that are gone are taken over.
   * @throws {Conflict} naming the holder of a busy host port, or when the endpoint has not joined; nothing is published
   * then.
   */
  async program(driverName: DriverName, networkId: NetworkId, id: EndpointId): Promise<void> {
    try {
      await this.#program(driverName, networkId, id);
    } catch (error) {
      if (!(error instanceof Conflict) || !(await this.#deleteAbandonedHolders(id))) throw error;
      await this.#program(driverName, networkId, id);
    }
  }

  async #deleteAbandonedHolders(id: EndpointId): Promise<boolean> {
    const holders = await abandonedHolders(this.#context, id);
    for (const { network, endpoint } of holders) {
      const { id: endpointId, networkId } = endpoint.request;
      this.#context.log.warn(
        { networkId, endpointId },
        'its container is gone, its ports are wanted; deleting it',
      );
      await this.delete(network.driver, networkId, endpointId);
    }
    return holders.length > 0;
  }

  #program(driverName: DriverName, networkId: NetworkId, id: EndpointId): Promise<void> {
    const { repository, kernel, publisher } = this.#context;
    return exclusively(this.#context, networkId, id, async () => {
      const network = networkOf(this.#context, driverName, networkId);
      const driver = driverOf(this.#context, driverName);
      const before = endpointOf(this.#context, networkId, id);
      if (before.attachment === undefined) {
        throw new Conflict(`endpoint ${id} has not joined a sandbox: its ports cannot be published`, {
          endpointId: id,
        });
      }
      if (before.external) return;
      const wanted: Endpoint = { ...before, external: true };
      const published = await publisher.hold(id, driver.portRequests(network, wanted));
      const endpoint: Endpoint = { ...wanted, published };
      try {
        await repository.putEndpoint(endpoint);
        await kernel.apply(creations(portObjects(driver.planEndpoint(network, endpoint))));
      } catch (error) {
        publisher.release(id);
        await repository.putEndpoint(before);
        throw error;
      }
      await forgetUdpFlows(this.#context.kernel, published);
    });
  }

  /** Takes the ports away; an endpoint that has none, or does not exist, is fine. */
  revoke(driverName: DriverName, networkId: NetworkId, id: EndpointId): Promise<void> {
    return this.#change(driverName, networkId, id, (endpoint) => ({
      ...endpoint,
      external: false,
      published: [],
    }));
  }

  /** Ports go, the link stays for Docker to move back. An unknown endpoint is fine. */
  leave(driverName: DriverName, networkId: NetworkId, id: EndpointId): Promise<void> {
    return this.#change(driverName, networkId, id, ({ attachment: _left, ...endpoint }) => ({
      ...endpoint,
      external: false,
      published: [],
    }));
  }

  /** Removes whatever is left of the endpoint. An unknown endpoint is fine. */
  delete(driverName: DriverName, networkId: NetworkId, id: EndpointId): Promise<void> {
    const { repository } = this.#context;
    return exclusively(this.#context, networkId, id, async () => {
      const endpoint = repository.endpoint(id);
      if (endpoint === undefined || endpoint.request.networkId !== networkId) return;
      await this.remove(networkOf(this.#context, driverName, networkId), endpoint);
    });
  }

  /** As `delete`, for a caller that holds the network's lock. */
  async remove(network: Network, endpoint: Endpoint): Promise<void> {
    const { repository, kernel, announce } = this.#context;
    const { id, networkId } = endpoint.request;
    const driver = driverOf(this.#context, network.driver);
    // While the endpoint is stored: afterwards nobody would look for a link in there.
    await this.#takeBack(driver, network, endpoint);
    await repository.deleteEndpoint(endpoint);
    await withdrawPorts(this.#context, endpoint, rulesWithout(driver.planEndpoint(network, endpoint), []));
    kernel.discardLinks(driver.endpointLinks(endpoint));
    announce({
      kind: 'endpoint-delete',
      network: networkId,
      endpoint: id,
      text: `deleted endpoint ${id.slice(0, 12)} ${addresses(endpoint.request)}`,
    });
  }

  async #change(
    driverName: DriverName,
    networkId: NetworkId,
    id: EndpointId,
    change: (endpoint: Endpoint) => Endpoint,
  ): Promise<void> {
    const { repository } = this.#context;
    await exclusively(this.#context, networkId, id, async () => {
      const before = repository.endpoint(id);
      if (before === undefined || before.request.networkId !== networkId) return;
      const network = networkOf(this.#context, driverName, networkId);
      const driver = driverOf(this.#context, driverName);
      const after = change(before);
      if (after.external === before.external && after.attachment === before.attachment) return;
      await repository.putEndpoint(after);
      const gone = rulesWithout(driver.planEndpoint(network, before), driver.planEndpoint(network, after));
      await withdrawPorts(this.#context, before, gone);
      if (after.attachment === undefined) await this.#discardInside(driver, network, before);
    });
  }

  /** What is not discarded is Docker's to move back. */
  async #discardInside(driver: NetworkDriver, network: Network, endpoint: Endpoint): Promise<void> {
    const { kernel, log } = this.#context;
    for (const link of driver.planEndpoint(network, endpoint).filter(isLanLink)) {
      await kernel.discardInside(link).catch((error: unknown) => {
        const { id: endpointId, networkId } = endpoint.request;
        log.warn({ networkId, endpointId, error: errorMessage(error) }, 'link left to Docker in its sandbox');
      });
    }
  }
}

function addresses({ ipv4, ipv6 }: EndpointRequest): string {
  return [ipv4?.ip, ipv6?.ip].filter((each) => each !== undefined).join(' ');
}
