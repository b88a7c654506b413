export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What one sandbox may have of the resolver, so that none starves the others. */
export interface SandboxLimits {
  /** Queries of any kind; those above are dropped unread. */
  readonly queries: Rate;
  /** Questions that go on to other resolvers; those above are answered SERVFAIL. */
  readonly forwards: Rate;
  /** Such questions that wait for their answer at one time. */
  readonly forwardsInFlight: number;
  readonly connections: number;
  /** Queries of one connection that are worked on at one time; further ones stay in the kernel's buffer. */
  readonly pipelined: number;
  /** A connection ends when no whole query has come for this long (RFC 7766 section 6.2.3). */
  readonly idleMs: number;
}

export const SANDBOX_LIMITS: SandboxLimits = {
  queries: { perSecond: 100_000, burst: 10_000 },
  forwards: { perSecond: 1000, burst: 1000 },
  forwardsInFlight: 256,
  connections: 64,
  pipelined: 32,
  idleMs: 10_000,
};
