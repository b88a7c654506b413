import type { UpstreamReply } from '../message/index.ts';
import { RCODE } from '../record.ts';
import type { UpstreamServer } from './exchange.ts';

/** An hour: long enough to spare the resolver, short enough that a wrong TTL heals. */
const MAX_SECONDS = 3600;
/** RFC 2308 section 5 wants a limit of hours at most; in a container's life five minutes are long. */
const MAX_NEGATIVE_SECONDS = 300;
/** moby: daemon/libnetwork/resolver.go, respTTL: what it says of every container. */
const DOCKER_TTL = 600;

/** There is no such record: nothing by that name, or nothing of that type. */
export function isNegative({ rcode, counts }: UpstreamReply): boolean {
  return rcode === RCODE.NXDOMAIN || counts[0] === 0;
}

/** How many seconds a reply may be given again; 0: not at all. */
export function lifetimeSeconds(reply: UpstreamReply, server: UpstreamServer): number {
  const negative = isNegative(reply);
  if (server.embedded === true && (negative || reply.answerTtl === DOCKER_TTL)) return 0;
  if (negative && reply.negativeTtl === undefined) return 0;
  const ttl = Math.min(reply.answerTtl ?? MAX_SECONDS, reply.negativeTtl ?? MAX_SECONDS);
  return Math.min(ttl, negative ? MAX_NEGATIVE_SECONDS : MAX_SECONDS);
}
