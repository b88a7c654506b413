/** The Docker Engine API, from background tasks only. Layer: daemon. */
export { type Engine, type EngineContainer, type EngineNetwork, openEngine } from './engine.ts';
export { DockerNames } from './names.ts';
export { NamesFeed } from './names-feed.ts';
