/**
 * What weft does not know is asked of other resolvers: in order, hedged, over TCP where needed, cached, and with old
 * answers rather than none. Pure but for `Exchange`, which carries the packets, and timers.
 */
export type { Exchange, UpstreamServer } from './exchange.ts';
export { type Forwarded, Forwarder } from './forwarder.ts';
