import { DecodeError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { Entry } from '../../core/ports.ts';

/**
 * Answers of etcd's JSON gateway (etcd api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto through grpc-gateway v1):
 * 64-bit numbers are text, bytes are base64, fields that are zero, false or empty are absent.
 */
type Json = Readonly<Record<string, unknown>>;

export interface Header {
  readonly clusterId: string;
  readonly revision: bigint;
  /** Term of the last entry that the answering member has applied. */
  readonly term: bigint;
}

/** A key as etcd holds it, with what tells one write of it from another. */
export interface StoredKey {
  readonly key: Buffer;
  readonly value: Uint8Array;
  readonly revision: bigint;
  /** Creation, version and lease in one text. */
  readonly history: string;
}

export interface RangeAnswer {
  readonly header: Header;
  readonly keys: readonly StoredKey[];
  readonly more: boolean;
}

export interface Page {
  readonly header: Header;
  readonly kvs: readonly unknown[];
  readonly more: boolean;
}

export interface TxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  /** What the ranges of the failure branch found, in their order: the revision, 0 for no key. */
  readonly found: readonly bigint[];
}

export interface LeaseAnswer {
  readonly id: bigint;
  /** Seconds; 0 means that the lease is gone. */
  readonly ttl: number;
}

export interface KeyChange {
  readonly type: 'put' | 'delete';
  readonly stored: StoredKey;
}

export interface WatchAnswer {
  readonly header: Header;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  /** Oldest revision still known, when that is why the watch was refused; else 0. */
  readonly compactRevision: bigint;
  /** More changes of the same revision follow in the next answer. */
  readonly fragment: boolean;
  readonly changes: readonly KeyChange[];
}

/** What etcd says when it refuses: a gRPC status (google.golang.org/grpc/codes) and its text. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** @throws {DecodeError} when `text` is not one JSON object. */
export function parseAnswer(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DecodeError(`etcd answered ${quote(text.slice(0, 100))}: not JSON`, {}, { cause: error });
  }
  return object(value, 'answer');
}

/** The refusal in an answer, in any of the shapes of 3.4 and 3.5, plain or in a stream; undefined when it is none. */
export function findRefusal(answer: Json): Refusal | undefined {
  const inner = answer['error'];
  const holder =
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Json) : answer;
  if (holder === answer && inner === undefined && answer['code'] === undefined) return undefined;
  const code = holder['grpc_code'] ?? holder['code'];
  const message = holder['message'] ?? inner;
  return {
    code: typeof code === 'number' ? code : 2,
    message: typeof message === 'string' ? message : 'refused without a reason',
  };
}

/** @throws {DecodeError} */
export function decodeRange(answer: Json): RangeAnswer {
  const { header, kvs, more } = decodePage(answer);
  return { header, keys: kvs.map(decodeStored), more };
}

/** As `decodeRange`, its keys left for `decodeStored`: there may be thousands. @throws {DecodeError} */
export function decodePage(answer: Json): Page {
  return {
    header: decodeHeader(answer['header']),
    kvs: list(answer['kvs'], 'kvs'),
    more: flag(answer['more'], 'more'),
  };
}

/** @throws {DecodeError} */
export function decodeTxn(answer: Json): TxnAnswer {
  const succeeded = flag(answer['succeeded'], 'succeeded');
  const responses = succeeded ? [] : list(answer['responses'], 'responses');
  const found = responses.map((each) => {
    const range = object(object(each, 'response')['response_range'], 'response_range');
    const [first] = list(range['kvs'], 'kvs');
    return first === undefined ? 0n : decodeStored(first).revision;
  });
  return { header: decodeHeader(answer['header']), succeeded, found };
}

/** Of lease/grant, and of lease/keepalive, which wraps it as a stream does. @throws {DecodeError} */
export function decodeLease(answer: Json): LeaseAnswer {
  const lease = answer['result'] === undefined ? answer : object(answer['result'], 'result');
  return { id: int64(lease['ID'], 'ID'), ttl: Number(int64(lease['TTL'], 'TTL')) };
}

/** @throws {DecodeError} */
export function decodeToken(answer: Json): string {
  return text(answer['token'], 'token');
}

/** One line of a watch. @throws {DecodeError} */
export function decodeWatch(answer: Json): WatchAnswer {
  const result = object(answer['result'], 'result');
  return {
    header: decodeHeader(result['header']),
    created: flag(result['created'], 'created'),
    canceled: flag(result['canceled'], 'canceled'),
    cancelReason: text(result['cancel_reason'], 'cancel_reason'),
    compactRevision: int64(result['compact_revision'], 'compact_revision'),
    fragment: flag(result['fragment'], 'fragment'),
    changes: list(result['events'], 'events').map(decodeChange),
  };
}

/**
 * As an entry of a store whose keys all begin with `prefixBytes` bytes that are not the caller's; undefined when the
 * rest of the key is not well-formed text, so that no weft wrote it.
 */
export function toEntry(stored: StoredKey, prefixBytes: number): Entry | undefined {
  const key = stored.key.toString('utf8', prefixBytes);
  if (stored.key.length <= prefixBytes || Buffer.byteLength(key) !== stored.key.length - prefixBytes)
    return undefined;
  if (key.includes('\ufffd') && !Buffer.from(key).equals(stored.key.subarray(prefixBytes))) return undefined;
  return { key, value: stored.value, revision: stored.revision };
}

function decodeChange(value: unknown): KeyChange {
  const event = object(value, 'event');
  const type = event['type'] ?? 'PUT';
  if (type !== 'PUT' && type !== 'DELETE') throw wrong('event type', type);
  return { type: type === 'PUT' ? 'put' : 'delete', stored: decodeStored(event['kv']) };
}

/** One key of a range or an event. @throws {DecodeError} */
export function decodeStored(value: unknown): StoredKey {
  const kv = object(value, 'kv');
  return {
    key: Buffer.from(text(kv['key'], 'key'), 'base64'),
    // An array of its own: one small value must not keep the pool that Buffer cuts from.
    value: new Uint8Array(Buffer.from(text(kv['value'], 'value'), 'base64')),
    revision: int64(kv['mod_revision'], 'mod_revision'),
    history: `${kv['create_revision'] ?? 0}/${kv['version'] ?? 0}/${kv['lease'] ?? 0}`,
  };
}

function decodeHeader(value: unknown): Header {
  const header = object(value, 'header');
  return {
    clusterId: text(header['cluster_id'], 'cluster_id'),
    revision: int64(header['revision'], 'revision'),
    term: int64(header['raft_term'], 'raft_term'),
  };
}

function object(value: unknown, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, value);
  return value as Json;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrong(name, value);
  return value;
}

function text(value: unknown, name: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw wrong(name, value);
  return value;
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw wrong(name, value);
  return value;
}

function int64(value: unknown, name: string): bigint {
  if (value === undefined || value === null) return 0n;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  throw wrong(name, value);
}

function wrong(name: string, value: unknown): DecodeError {
  const shown = JSON.stringify(value) ?? 'nothing';
  return new DecodeError(`etcd answered ${name} ${shown.slice(0, 100)}, which its API does not allow`);
}
