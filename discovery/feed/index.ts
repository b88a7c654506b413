/**
 * What weftd tells the resolver process, as data: facts, the messages that carry them, and what becomes of the
 * messages. The connection itself is not here.
 */
export { type Fact, type FactChange, type FactKey, factKey, keyOf, type SandboxToServe } from './fact.ts';
export { type FactObserver, Facts } from './facts.ts';
export { CHANGES_PER_MESSAGE, decodeFeedMessage, Feed, type FeedMessage, syncMessages } from './feed.ts';
export { decodeChange, sandboxKey } from './schema.ts';
export { boolean, decoder, integer, list, literal, object, optional, tagged, text } from './shape.ts';
export { tableObserver } from './table-observer.ts';
