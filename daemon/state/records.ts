import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { DecodeError } from '../../core/errors.ts';
import type { Endpoint, Network } from '../../core/model.ts';

/**
 * Networks and endpoints as the store keeps them: JSON, checked in outline on the way in. Records are written by weft
 * alone; the check is for files from backups, other versions and damaged disks.
 */

const SubnetRecord = Type.Object({
  pool: Type.String(),
  gateway: Type.Optional(Type.Object({ ip: Type.String(), prefix: Type.Integer() })),
  aux: Type.Record(Type.String(), Type.String()),
});

const NetworkRecord = Type.Object({
  driver: Type.String(),
  request: Type.Object({
    id: Type.String(),
    internal: Type.Boolean(),
    enableIpv4: Type.Boolean(),
    enableIpv6: Type.Boolean(),
    options: Type.Record(Type.String(), Type.String()),
    ipv4: Type.Array(SubnetRecord),
    ipv6: Type.Array(SubnetRecord),
  }),
  options: Type.Object({}),
  listed: Type.Optional(Type.Literal(true)),
  createdAt: Type.Number(),
});

const AddressRecord = Type.Optional(Type.Object({ ip: Type.String(), prefix: Type.Integer() }));

const EndpointRecord = Type.Object({
  request: Type.Object({
    id: Type.String(),
    networkId: Type.String(),
    ipv4: AddressRecord,
    ipv6: AddressRecord,
    options: Type.Record(Type.String(), Type.String()),
  }),
  mac: Type.String(),
  attachment: Type.Optional(
    Type.Object({
      sandboxKey: Type.String(),
      mappings: Type.Array(Type.Object({})),
      exposed: Type.Array(Type.Object({})),
    }),
  ),
  published: Type.Array(
    Type.Object({
      protocol: Type.String(),
      hostIp: Type.String(),
      hostPort: Type.Integer(),
      containerIp: Type.String(),
      containerPort: Type.Integer(),
    }),
  ),
  external: Type.Boolean(),
  createdAt: Type.Number(),
});

export function encodeRecord(record: Network | Endpoint): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** @throws {DecodeError} naming the key and the field that is wrong. */
export function decodeNetwork(key: string, value: Uint8Array): Network {
  return decode(NetworkRecord, key, value) as unknown as Network;
}

/** @throws {DecodeError} naming the key and the field that is wrong. */
export function decodeEndpoint(key: string, value: Uint8Array): Endpoint {
  return decode(EndpointRecord, key, value) as unknown as Endpoint;
}

function decode(
  schema: typeof NetworkRecord | typeof EndpointRecord,
  key: string,
  value: Uint8Array,
): object {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(value).toString());
  } catch (error) {
    throw new DecodeError(`store record ${key} is not JSON`, { key }, { cause: error });
  }
  if (!Value.Check(schema, record)) {
    const [first] = Value.Errors(schema, record);
    throw new DecodeError(
      `store record ${key}: ${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}`,
      { key },
    );
  }
  return record;
}
