import type { Logger } from 'pino';
import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage, NotFound, Unavailable, WeftError } from '../../core/errors.ts';
import type { EndpointId, NetworkId } from '../../core/ids.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { DriverName, Endpoint, NetworkRequest } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import type { Clock, Kernel } from '../../core/ports.ts';
import type { Engine, EngineNetwork } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';
import { attachmentOf, endpointRequestOf, networkRequestOf } from './network-record.ts';
import { publishedInKernel } from './published.ts';

export interface RelearnerParts {
  readonly engine: Engine;
  readonly repository: Repository;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly kernel: Kernel;
  readonly locks: KeyedMutex;
  readonly createNetwork: (driver: DriverName, request: NetworkRequest) => Promise<void>;
  /** Makes the IPAM hold what Docker says is in use; how many pools and addresses it did not know. */
  readonly adoptAddresses: (network: EngineNetwork) => Promise<number>;
  readonly learned: (kind: 'network' | 'endpoint' | 'address', id: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Learns from Docker what the store does not know: after the store was restored from an older backup, or lost, Docker
 * and the kernel still hold networks and running containers made since. They become intent again, as they are, before
 * anything unknown may be deleted and before their addresses can be given to others.
 */
export class Relearner {
  readonly #parts: RelearnerParts;

  constructor(parts: RelearnerParts) {
    this.#parts = parts;
  }

  /** Compares with what Docker said; normally finds nothing, at the cost of one lookup an object. */
  async learn(networks: readonly EngineNetwork[]): Promise<void> {
    for (const shown of networks) {
      const network = this.#withoutDropped(shown);
      if (network === undefined) continue;
      if (this.#driverOf(network) !== undefined)
        await this.#tolerate(network.id, () => this.#network(network));
      if (network.ipamDriver === 'weft') await this.#tolerate(network.id, () => this.#addresses(network));
    }
  }

  /** Docker's list may be older than a deletion that it has asked for since. */
  #withoutDropped(network: EngineNetwork): EngineNetwork | undefined {
    const { repository } = this.#parts;
    if (repository.wasDropped(network.id as NetworkId)) return undefined;
    const endpoints = network.endpoints.filter(({ id }) => !repository.wasDropped(id as EndpointId));
    return { ...network, endpoints };
  }

  #driverOf({ driver }: EngineNetwork): NetworkDriver | undefined {
    return this.#parts.drivers.get(driver as DriverName);
  }

  async #network(network: EngineNetwork): Promise<void> {
    const { repository, createNetwork, learned } = this.#parts;
    if (repository.network(network.id as NetworkId) === undefined) {
      await createNetwork(network.driver as DriverName, networkRequestOf(network));
      learned('network', network.id);
    }
    for (const endpoint of network.endpoints) {
      if (endpoint.id === '' || repository.endpoint(endpoint.id as EndpointId) !== undefined) continue;
      await this.#endpoint(network, endpoint);
    }
  }

  /** The kernel has the endpoint's link and rules already; only intent is missing. */
  async #endpoint(network: EngineNetwork, shown: EngineNetwork['endpoints'][number]): Promise<void> {
    const { engine, repository, kernel, locks, clock, learned } = this.#parts;
    const request = endpointRequestOf(network, shown);
    const container = await engine.container(shown.container);
    if (container === undefined) return;
    const attachment = attachmentOf(container);
    const targets = [request.ipv4, request.ipv6].flatMap((address) =>
      address === undefined ? [] : [address.ip],
    );
    const published = publishedInKernel(await kernel.snapshot([]), targets);
    await locks.run(request.networkId, () =>
      repository.during(request.id, async () => {
        if (
          repository.endpoint(request.id) !== undefined ||
          repository.network(request.networkId) === undefined ||
          repository.wasDropped(request.id)
        )
          return;
        const endpoint: Endpoint = {
          request,
          mac: request.mac ?? derivedMac(request.id),
          ...(attachment === undefined ? {} : { attachment }),
          published,
          external: published.length > 0 || container.networks === 1,
          createdAt: clock.now(),
        };
        await repository.putEndpoint(endpoint);
        learned('endpoint', request.id);
      }),
    );
  }

  async #addresses(network: EngineNetwork): Promise<void> {
    const count = await this.#parts.adoptAddresses(network);
    for (let i = 0; i < count; i++) this.#parts.learned('address', network.id);
  }

  /** One network that cannot be understood must not keep the others from being learned. */
  async #tolerate(networkId: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      const { repository, log } = this.#parts;
      const isGone = error instanceof NotFound || repository.wasDropped(networkId as NetworkId);
      const what = { networkId, error: errorMessage(error) };
      // Removed between Docker's answer and now: there is nothing to learn. A host too busy to be read is read again.
      if (isGone || error instanceof Unavailable) log.debug(what, 'not learned now');
      else log.error(what, 'not learned from Docker');
    }
  }
}
