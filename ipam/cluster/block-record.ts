import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type Ip, parseIp } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';

/** One address given to a node that does not own its block. */
export interface Grant {
  readonly node: string;
  /** The request it answers, when that named no address. */
  readonly request?: string;
}

/** A node asks the owner of a block for one address of it. */
export interface GrantRequest {
  readonly node: string;
  /** Absent: any. */
  readonly ip?: Ip;
  /** Why the owner gives none. */
  readonly denied?: string;
  /** CIDR of a block of the same owner that has free addresses. */
  readonly elsewhere?: string;
}

/** A block as stored under `block/NETWORK/CIDR`. An absent record says that nobody has anything in it. */
export interface BlockRecord {
  /** The node that gives the block's addresses, except those granted to others. */
  readonly owner?: string;
  readonly grants: Readonly<Record<Ip, Grant>>;
  /** By id, which their askers make. */
  readonly requests: Readonly<Record<string, GrantRequest>>;
}

export const NO_BLOCK: BlockRecord = { grants: {}, requests: {} };

/** Stands for a record that cannot be read: the block is somebody's, and nobody may touch it. */
export const UNREADABLE: BlockRecord = { ...NO_BLOCK, owner: '(unreadable)' };

const Name = Type.String({ minLength: 1, maxLength: 255 });
const BlockJson = Compile(
  Type.Object({
    owner: Type.Optional(Name),
    grants: Type.Record(Type.String(), Type.Object({ node: Name, request: Type.Optional(Name) })),
    requests: Type.Record(
      Type.String({ minLength: 1, maxLength: 255 }),
      Type.Object({
        node: Name,
        ip: Type.Optional(Type.String()),
        denied: Type.Optional(Type.String({ maxLength: 1024 })),
        elsewhere: Type.Optional(Type.String({ maxLength: 64 })),
      }),
    ),
  }),
);

export function encodeBlock(record: BlockRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

/** @throws {DecodeError} */
export function decodeBlock(key: string, value: Uint8Array): BlockRecord {
  try {
    const { owner, grants, requests } = BlockJson.Parse(
      JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value)),
    );
    const asked = Object.entries(requests).map(([id, { ip, ...rest }]) => [
      id,
      ip === undefined ? rest : { ...rest, ip: parseIp(ip, 'ip') },
    ]);
    return {
      ...(owner === undefined ? {} : { owner }),
      grants: Object.fromEntries(Object.entries(grants).map(([ip, grant]) => [parseIp(ip, 'grant'), grant])),
      requests: Object.fromEntries(asked),
    };
  } catch (error) {
    throw new DecodeError(`${key} is not readable`, { key }, { cause: error });
  }
}

/** Whether nobody has anything in the block, so that its record can go. */
export function isEmpty({ owner, grants, requests }: BlockRecord): boolean {
  return owner === undefined && Object.keys(grants).length + Object.keys(requests).length === 0;
}

/** Whether the record lets the node hold the address. */
export function gives({ owner, grants }: BlockRecord, node: string, ip: Ip): boolean {
  const grant = grants[ip];
  return grant === undefined ? owner === node : grant.node === node;
}

/** Who can give an address away, or any of the block when none is named: the host it was granted to, else the owner. */
export function giverOf({ owner, grants }: BlockRecord, ip: Ip | undefined): string | undefined {
  return (ip === undefined ? undefined : grants[ip]?.node) ?? owner;
}

/** Requests that nobody has answered and that this node can; a granted one is gone. */
export function requestsFor(record: BlockRecord, node: string): readonly (readonly [string, GrantRequest])[] {
  return Object.entries(record.requests).filter(
    ([, { ip, denied }]) => denied === undefined && giverOf(record, ip) === node,
  );
}

/** Addresses of a block that are granted to nodes other than this one. */
export function grantedAway({ grants }: BlockRecord, node: string): readonly Ip[] {
  return (Object.entries(grants) as [Ip, Grant][]).flatMap(([ip, grant]) =>
    grant.node === node ? [] : [ip],
  );
}

/** Whether `after` lets the node hold less than `before`. */
export function takesFrom(node: string, before: BlockRecord, after: BlockRecord): boolean {
  if (before.owner === node && after.owner !== node) return true;
  const known = Object.keys({ ...before.grants, ...after.grants }) as Ip[];
  return known.some((ip) => gives(before, node, ip) && !gives(after, node, ip));
}

/** The node owns the block; single addresses it had there are part of that now. */
export function withOwner(record: BlockRecord, owner: string): BlockRecord {
  const grants = Object.entries(record.grants).filter(([, { node }]) => node !== owner);
  return { ...record, owner, grants: Object.fromEntries(grants) };
}

export function withoutOwner({ grants, requests }: BlockRecord): BlockRecord {
  return { grants, requests };
}

export function withGrant(record: BlockRecord, ip: Ip, grant: Grant): BlockRecord {
  return { ...record, grants: { ...record.grants, [ip]: grant } };
}

export function withoutGrant(record: BlockRecord, ip: Ip): BlockRecord {
  const { [ip]: _, ...grants } = record.grants as Record<string, Grant>;
  return { ...record, grants };
}

export function withRequest(record: BlockRecord, id: string, request: GrantRequest): BlockRecord {
  return { ...record, requests: { ...record.requests, [id]: request } };
}

export function withoutRequest(record: BlockRecord, id: string): BlockRecord {
  const { [id]: _, ...requests } = record.requests;
  return { ...record, requests };
}

/** The record once a node has gone for good: the same object when it has nothing there. */
export function withoutNode(record: BlockRecord, node: string): BlockRecord {
  const grants = Object.entries(record.grants).filter(([, grant]) => grant.node !== node);
  const requests = Object.entries(record.requests).filter(([, request]) => request.node !== node);
  const rest = record.owner === node ? withoutOwner(record) : record;
  const same =
    rest === record &&
    grants.length === Object.keys(record.grants).length &&
    requests.length === Object.keys(record.requests).length;
  if (same) return record;
  return { ...rest, grants: Object.fromEntries(grants), requests: Object.fromEntries(requests) };
}
