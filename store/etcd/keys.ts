/** A key or a prefix as etcd's JSON API wants it. */
export function encodeKey(key: string | Uint8Array): string {
  return Buffer.from(key as string).toString('base64');
}

/**
 * The `range_end` that makes a range hold every key that begins with `prefix` (etcd api/etcdserverpb/rpc.proto,
 * RangeRequest): the prefix with its last byte raised. Text never ends in 0xff.
 */
export function prefixEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** The first key after `key`. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}
