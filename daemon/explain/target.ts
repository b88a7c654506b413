import { type Ip, parseIp } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { Protocol } from '../../core/ports.ts';

/** The port at the end of a way. */
export interface AskedPort {
  readonly port: number;
  readonly protocol: Protocol;
}

/** What `TO[:PORT[/PROTOCOL]]` names. */
export interface Target {
  /** Name, id, beginning of an id, or address. */
  readonly ref: string;
  readonly port?: AskedPort;
}

const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

/**
 * Splits `TO[:PORT[/PROTOCOL]]`. An IPv6 address with a port stands in brackets: `[fd00::2]:80`.
 * @throws {InvalidArgument} saying what is accepted.
 */
export function parseTarget(text: string): Target {
  const match = /^(?:\[([^\]]*)\]|([^[\]:]*))(?::(\d+)(?:\/([a-z]+))?)?$/.exec(text);
  const bare = addressOf(text);
  if (bare !== undefined) return { ref: bare };
  const ref = match?.[1] ?? match?.[2] ?? '';
  if (match === null || ref === '') throw wrong(text);
  if (match[1] !== undefined && addressOf(ref) === undefined) throw wrong(text);
  if (match[3] === undefined) return { ref };
  const port = Number(match[3]);
  const protocol = match[4] ?? 'tcp';
  if (port < 1 || port > 65_535 || !PROTOCOLS.has(protocol)) throw wrong(text);
  return { ref, port: { port, protocol: protocol as Protocol } };
}

/** The address that a text is, in canonical form; undefined when it is none. */
export function addressOf(text: string): Ip | undefined {
  try {
    return parseIp(text, 'address');
  } catch (error) {
    if (error instanceof InvalidArgument) return undefined;
    throw error;
  }
}

function wrong(text: string): InvalidArgument {
  return new InvalidArgument(
    `${quote(text)} names no end of a way: expected NAME, ID or ADDRESS, with :PORT or :PORT/udp after it or without; ` +
      'an IPv6 address with a port in brackets',
    { field: 'to' },
  );
}
