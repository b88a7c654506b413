import { isIPv4, isIPv6 } from 'node:net';
import { parseIp } from '../../core/address.ts';
import { parseEndpointId, parseSandboxKey } from '../../core/ids.ts';
import type { FactChange } from './fact.ts';
import {
  boolean,
  decoder,
  integer,
  list,
  literal,
  object,
  optional,
  type Shape,
  tagged,
  text,
} from './shape.ts';

/** Facts as JSON, checked on the way in: they come from another process, perhaps of another version, or from disk. */

const name = text((value) => !/[A-Z]/.test(value));
const port = integer(1, 65_535);
const ports = list(
  object({ protocol: literal('tcp', 'udp', 'sctp'), port, target: port, name: optional(name) }),
);
const ipv4 = optional(text(isIPv4));
const ipv6 = optional(text(isIPv6));
/** Path of a sandbox's namespace file. */
export const sandboxKey: Shape<string> = text(accepts(parseSandboxKey));

const isFact = tagged('kind', {
  endpoint: {
    endpoint: object({
      endpoint: text(accepts(parseEndpointId)),
      network: text(),
      networkName: text(),
      node: text(),
      names: list(name),
      ipv4,
      ipv6,
      ready: boolean,
      service: optional(object({ name, ports })),
    }),
  },
  service: { service: object({ network: text(), name, vip4: ipv4, vip6: ipv6, ports }) },
  ttl: { network: text(), seconds: integer(0, 86_400) },
  sandbox: {
    sandbox: object({
      key: sandboxKey,
      networks: list(text()),
      servers: list(object({ address: text(accepts(parseIp)), port, embedded: optional(literal(true)) })),
    }),
  },
});

/** One change, for messages that carry several. */
export const isChange: Shape<object> = tagged('op', { put: { fact: isFact }, drop: { key: text() } });

/** @throws {DecodeError} when it is no change. */
export const decodeChange = decoder<FactChange>(isChange, 'a change of what the resolver knows');

function accepts(parse: (value: string, field: string) => unknown): (value: string) => boolean {
  return (value) => {
    try {
      parse(value, '');
      return true;
    } catch {
      return false;
    }
  };
}
