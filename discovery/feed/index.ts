/**
 * What weftd tells the resolver process, as data: facts, the messages that carry them, and what becomes of the
 * messages. The connection itself is not here.
 */
export { type Fact, type FactChange, type FactKey, factKey, type SandboxToServe } from './fact.ts';
export { type FactObserver, Facts } from './facts.ts';
export { CHANGES_PER_MESSAGE, decodeFeedMessage, Feed, type FeedMessage, syncMessages } from './feed.ts';
export { decodeChange } from './schema.ts';
export { tableObserver } from './table-observer.ts';
