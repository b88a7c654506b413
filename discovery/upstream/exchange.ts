import type { Ip } from '../../core/address.ts';

/** A resolver that questions go on to. */
export interface UpstreamServer {
  readonly address: Ip;
  readonly port: number;
  /**
   * Docker's resolver in the sandbox. It answers names of containers too, with a TTL of ten minutes although they may
   * be gone at any time, and says NXDOMAIN of containers that start a moment later: neither is kept.
   */
  readonly embedded?: true;
}

export interface ExchangeOptions {
  readonly tcp: boolean;
  readonly signal: AbortSignal;
  /** Says of a datagram whether it may be the reply; others are to be passed over, since anybody could send one. */
  readonly accepts: (reply: Buffer) => boolean;
}

/**
 * Sends a packet to a server and gives the reply. Over UDP it uses a port of its own for each question.
 * @throws {Unavailable} or whatever the socket says, also when the signal is aborted.
 */
export type Exchange = (query: Buffer, server: UpstreamServer, options: ExchangeOptions) => Promise<Buffer>;
