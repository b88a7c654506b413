/** The Docker Engine API, from background tasks only. Layer: daemon. */
export { type ContainerApi, type ContainerEvent, openContainerApi } from './container-api.ts';
export type { ContainerEndpoint, ContainerFacts } from './container-facts.ts';
export { type Engine, type EngineContainer, type EngineNetwork, openEngine } from './engine.ts';
export { DockerNames } from './names.ts';
export { NamesFeed } from './names-feed.ts';
