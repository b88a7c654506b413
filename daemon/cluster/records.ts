import { type Static, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type {
  GoneRecord,
  JoinedRecord,
  MemberRecord,
  RemoteEndpoint,
  RemovedRecord,
} from '../../core/cluster.ts';
import { type AliveRecord, type ClusterNetwork, CLUSTER_KEYS as KEYS } from '../../core/cluster.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Entry } from '../../core/ports.ts';

/**
 * Cluster records as JSON, checked on the way in: other versions of weft, and people with etcdctl, write to the same
 * store.
 */

const text = Type.String();
const subnet = Type.Object({
  pool: text,
  gateway: Type.Optional(text),
  ipRange: Type.Optional(text),
  aux: Type.Record(text, text),
});

const SCHEMAS = {
  member: Type.Object({
    id: text,
    name: text,
    address: text,
    vxlanPort: Type.Integer({ minimum: 1, maximum: 65_535 }),
    joinedAt: Type.Number(),
  }),
  alive: Type.Object({ id: text, version: text, instance: text, since: Type.Number() }),
  removed: Type.Object({ name: text, at: Type.Number() }),
  gone: Type.Object({ at: Type.Number() }),
  joined: Type.Object({ network: text, refused: Type.Optional(text) }),
  network: Type.Object({
    name: text,
    id: text,
    vni: Type.Integer({ minimum: 1, maximum: 16_777_215 }),
    subnets: Type.Array(subnet),
    internal: Type.Boolean(),
    enableIpv4: Type.Boolean(),
    enableIpv6: Type.Boolean(),
    options: Type.Record(text, text),
    createdAt: Type.Number(),
    createdBy: text,
  }),
  endpoint: Type.Object({
    id: text,
    network: text,
    node: text,
    mac: Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' }),
    ipv4: Type.Optional(text),
    ipv6: Type.Optional(text),
  }),
} as const;

interface Records {
  readonly member: MemberRecord;
  readonly alive: AliveRecord;
  readonly removed: RemovedRecord;
  readonly gone: GoneRecord;
  readonly joined: JoinedRecord;
  readonly network: ClusterNetwork;
  readonly endpoint: RemoteEndpoint;
}
type Kind = keyof Records;

const validators = new Map<Kind, ReturnType<typeof compiled>>();

function compiled<S extends TSchema>(schema: S) {
  return Compile(schema) as { Check(value: unknown): value is Static<S> };
}

/** The record as the store keeps it. */
export function encodeClusterRecord<K extends Kind>(_kind: K, record: Records[K]): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** @throws {DecodeError} naming the key. */
export function decodeClusterRecord<K extends Kind>(kind: K, { key, value }: Entry): Records[K] {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw new DecodeError(`cluster record ${key} is not JSON`, { key }, { cause });
  }
  const validator = validators.get(kind) ?? compiled(SCHEMAS[kind]);
  validators.set(kind, validator);
  if (!validator.Check(record))
    throw new DecodeError(`cluster record ${key} is not a ${kind} record`, { key });
  return record as unknown as Records[K];
}

/** The record, or undefined where there is none or none that can be read. */
export function readClusterRecord<K extends Kind>(kind: K, entry: Entry | undefined): Records[K] | undefined {
  if (entry === undefined) return undefined;
  try {
    return decodeClusterRecord(kind, entry);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

export const keys = {
  member: (node: string) => `${KEYS.member}${node}`,
  address: (ip: string) => `${KEYS.address}${ip}`,
  alive: (node: string) => `${KEYS.alive}${node}`,
  removed: (id: string) => `${KEYS.removed}${id}`,
  network: (name: string) => `${KEYS.network}${name}`,
  vni: (vni: number) => `${KEYS.vni}${vni}`,
  joined: (name: string, node: string) => `${KEYS.joined}${name}/${node}`,
  left: (name: string, node: string) => `${KEYS.left}${name}/${node}`,
  gone: (name: string, id: string) => `${KEYS.gone}${name}/${id}`,
  endpoint: (name: string, node: string, id: string) => `${KEYS.endpoint}${name}/${node}/${id}`,
} as const;
