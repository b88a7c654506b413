import { type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { DecodeError } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, ServiceRecord } from '../../core/naming.ts';
import type { Entry } from '../../core/ports.ts';
import { MOST_WEIGHT } from '../../core/service.ts';

/**
 * Names and services as JSON, checked on the way in: other versions of weft, and people with etcdctl, write to the
 * same store.
 */

const text = Type.String();
const portNumber = Type.Integer({ minimum: 1, maximum: 65_535 });
const weight = Type.Integer({ minimum: 0, maximum: MOST_WEIGHT });
const ports = Type.Array(
  Type.Object({
    protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp'), Type.Literal('sctp')]),
    port: portNumber,
    target: portNumber,
    name: Type.Optional(text),
  }),
);
const affinity = Type.Object({ timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1 })) });
const health = Type.Union([
  Type.Object({ kind: Type.Literal('tcp'), port: portNumber }),
  Type.Object({ kind: Type.Literal('http'), port: portNumber, path: Type.String({ pattern: '^/' }) }),
]);

const NAME = Type.Object({
  endpoint: text,
  network: text,
  networkName: text,
  node: text,
  container: text,
  names: Type.Array(text),
  ipv4: Type.Optional(text),
  ipv6: Type.Optional(text),
  state: Type.Union([
    Type.Literal('starting'),
    Type.Literal('ready'),
    Type.Literal('draining'),
    Type.Literal('failing'),
  ]),
  declaredAt: Type.Number(),
  service: Type.Optional(
    Type.Object({
      service: text,
      ports,
      affinity: Type.Optional(affinity),
      weight,
      health: Type.Optional(health),
    }),
  ),
});

const SERVICE = Type.Object({
  network: text,
  name: text,
  ports,
  affinity: Type.Optional(affinity),
  vip4: Type.Optional(text),
  vip6: Type.Optional(text),
  origin: Type.Union([Type.Literal('label'), Type.Literal('api')]),
  health: Type.Optional(health),
  select: Type.Optional(text),
  weights: Type.Optional(Type.Record(text, weight)),
  createdAt: Type.Number(),
  unusedSince: Type.Optional(Type.Number()),
});

interface Checker {
  Check(value: unknown): boolean;
}
let nameChecker: Checker | undefined;
let serviceChecker: Checker | undefined;

export function encodeNaming(record: NameRecord | ServiceRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** @throws {DecodeError} naming the key. */
export function decodeName(entry: Entry): NameRecord {
  nameChecker ??= compiled(NAME);
  const record = decode(entry, nameChecker, 'name') as NameRecord;
  assertKey(entry, namingKeys.name(record.network, record.node, record.endpoint));
  return record;
}

/** @throws {DecodeError} naming the key. */
export function decodeService(entry: Entry): ServiceRecord {
  serviceChecker ??= compiled(SERVICE);
  const record = decode(entry, serviceChecker, 'service') as ServiceRecord;
  assertKey(entry, namingKeys.service(record.network, record.name));
  return record;
}

function compiled(schema: TSchema): Checker {
  return Compile(schema);
}

function decode({ key, value }: Entry, checker: Checker, kind: string): unknown {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw new DecodeError(`record ${key} is not JSON`, { key }, { cause });
  }
  if (!checker.Check(record)) throw new DecodeError(`record ${key} is not a ${kind} record`, { key });
  return record;
}

/** A record says itself what its key says. */
function assertKey({ key }: Entry, expected: string): void {
  if (key !== expected) throw new DecodeError(`record ${key} is that of ${expected}`, { key });
}

export const namingKeys = {
  name: (network: string, node: string, endpoint: EndpointId) =>
    `${CLUSTER_KEYS.name}${network}/${node}/${endpoint}`,
  service: (network: string, name: string) => `${CLUSTER_KEYS.service}${network}/${name}`,
} as const;

/** What a key says; undefined for keys of other records. */
export function parseNamingKey(
  key: string,
):
  | { readonly kind: 'name'; readonly network: string; readonly node: string; readonly endpoint: EndpointId }
  | { readonly kind: 'service'; readonly network: string; readonly name: string }
  | undefined {
  const [prefix, network, third, endpoint, ...rest] = key.split('/');
  if (network === undefined || third === undefined || rest.length > 0) return undefined;
  if (`${prefix}/` === CLUSTER_KEYS.name && endpoint !== undefined)
    return { kind: 'name', network, node: third, endpoint: endpoint as EndpointId };
  if (`${prefix}/` === CLUSTER_KEYS.service && endpoint === undefined)
    return { kind: 'service', network, name: third };
  return undefined;
}
