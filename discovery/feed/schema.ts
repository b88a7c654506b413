import { isIPv4, isIPv6 } from 'node:net';
import { type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { parseIp } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import { parseEndpointId, parseSandboxKey, quote } from '../../core/ids.ts';
import type { FactChange } from './fact.ts';

/** Facts as JSON, checked on the way in: they come from another process, perhaps of another version, or from disk. */

const text = Type.String({ maxLength: 1024 });
const name = Type.String({ maxLength: 1024, pattern: '^[^A-Z]*$' });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const ports = Type.Array(
  Type.Object({
    protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp'), Type.Literal('sctp')]),
    port,
    target: port,
    name: Type.Optional(name),
  }),
);
const ipv4 = Type.Optional(Type.Refine(Type.String(), isIPv4));
const ipv6 = Type.Optional(Type.Refine(Type.String(), isIPv6));

const FACT = Type.Union([
  Type.Object({
    kind: Type.Literal('endpoint'),
    endpoint: Type.Object({
      endpoint: Type.Refine(text, accepts(parseEndpointId)),
      network: text,
      networkName: text,
      node: text,
      names: Type.Array(name),
      ipv4,
      ipv6,
      ready: Type.Boolean(),
      service: Type.Optional(Type.Object({ name, ports })),
    }),
  }),
  Type.Object({
    kind: Type.Literal('service'),
    service: Type.Object({ network: text, name, vip4: ipv4, vip6: ipv6, ports }),
  }),
  Type.Object({
    kind: Type.Literal('ttl'),
    network: text,
    seconds: Type.Integer({ minimum: 0, maximum: 86_400 }),
  }),
  Type.Object({
    kind: Type.Literal('sandbox'),
    sandbox: Type.Object({
      key: Type.Refine(text, accepts(parseSandboxKey)),
      networks: Type.Array(text),
      servers: Type.Array(
        Type.Object({
          address: Type.Refine(text, accepts(parseIp)),
          port,
          embedded: Type.Optional(Type.Literal(true)),
        }),
      ),
    }),
  }),
]);

/** One change, for messages that carry several. */
export const CHANGE = Type.Union([
  Type.Object({ op: Type.Literal('put'), fact: FACT }),
  Type.Object({ op: Type.Literal('drop'), key: text }),
]);

/**
 * What makes a value of a schema out of JSON.
 * @throws {DecodeError} naming `what` it was to be.
 */
export function decoder<T>(schema: TSchema, what: string): (value: unknown) => T {
  const validator = Compile(schema);
  return (value) => {
    if (validator.Check(value)) return value as T;
    throw new DecodeError(`${quote(value)} is not ${what}`);
  };
}

/** @throws {DecodeError} when it is no change. */
export const decodeChange = decoder<FactChange>(CHANGE, 'a change of what the resolver knows');

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
