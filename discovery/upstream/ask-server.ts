import { Unavailable } from '../../core/errors.ts';
import {
  isReplyTo,
  isTruncated,
  type Query,
  readReply,
  type UpstreamReply,
  writeQuery,
} from '../message/index.ts';
import { RCODE } from '../record.ts';
import type { Exchange, UpstreamServer } from './exchange.ts';

export interface AskParts {
  readonly exchange: Exchange;
  /** 0–65535, not to be guessed. */
  readonly randomId: () => number;
}

/**
 * One server's reply: that there is such a record, or that there is none. Over TCP where it does not fit a datagram.
 * @throws {Unavailable} when the server says that it cannot tell.
 * @throws {DecodeError} when the reply does not follow its format.
 */
export async function askServer(
  { exchange, randomId }: AskParts,
  query: Query,
  server: UpstreamServer,
  signal: AbortSignal,
): Promise<UpstreamReply> {
  const once = async (tcp: boolean): Promise<{ readonly id: number; readonly packet: Buffer }> => {
    const id = randomId();
    const accepts = (reply: Buffer): boolean => isReplyTo(reply, id, query.question);
    return { id, packet: await exchange(writeQuery(query, id), server, { tcp, signal, accepts }) };
  };
  const first = await once(false);
  const { id, packet } =
    isTruncated(first.packet) && isReplyTo(first.packet, first.id, query.question) ? await once(true) : first;
  const reply = readReply(packet, id, query.question);
  if (reply.rcode !== RCODE.NOERROR && reply.rcode !== RCODE.NXDOMAIN) {
    throw new Unavailable(`ask ${server.address} for a name: it answers with code ${reply.rcode}`);
  }
  return reply;
}
