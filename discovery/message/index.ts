/**
 * DNS messages: queries of containers in, replies out, and the same towards resolvers. Nothing in here throws on a
 * query, and nothing costs more than a packet's size; dns-packet is called in one file only.
 */
export type { Query } from './read-query.ts';
export { readQuery } from './read-query.ts';
export { isReplyTo, isTruncated, readReply, type UpstreamReply } from './read-reply.ts';
export { type Freshness, writeForwarded } from './write-forwarded.ts';
export { queryKey, writeQuery } from './write-query.ts';
export { sizeLimit, type Transport, writeMinimalAny, writeReply } from './write-reply.ts';
