import type { EngineNetwork } from './engine.ts';

/** Names of networks and containers as last heard from the engine; only ever for showing. */
export class DockerNames {
  #networks = new Map<string, string>();
  #endpoints = new Map<string, string>();

  update(networks: readonly EngineNetwork[]): void {
    this.#networks = new Map(networks.map((each) => [each.id, each.name]));
    this.#endpoints = new Map(
      networks.flatMap((each) => each.endpoints.map((endpoint) => [endpoint.id, endpoint.name])),
    );
  }

  network(id: string): string | undefined {
    return this.#networks.get(id);
  }

  /** Name of the container that has the endpoint. */
  container(endpointId: string): string | undefined {
    return this.#endpoints.get(endpointId);
  }
}
