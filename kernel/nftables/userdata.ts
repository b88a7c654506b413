import { DecodeError } from '../../core/errors.ts';

/** libnftnl include/libnftnl/udata.h: type byte, length byte, value; the comment is NUL-terminated text. */
const NFTNL_UDATA_RULE_COMMENT = 0;
const NFTNL_UDATA_SET_KEYBYTEORDER = 0;
const NFTNL_UDATA_SET_DATABYTEORDER = 1;
const MAX_COMMENT_BYTES = 254;

/**
 * Rule userdata with a comment as nft(8) and iptables-nft store it and print it.
 * @throws {DecodeError} when the comment is over 254 bytes.
 */
export function encodeComment(comment: string): Uint8Array {
  const text = Buffer.from(comment);
  if (text.length > MAX_COMMENT_BYTES) throw new DecodeError(`comment of ${text.length} bytes is too long`);
  const bytes = new Uint8Array(text.length + 3);
  bytes[0] = NFTNL_UDATA_RULE_COMMENT;
  bytes[1] = text.length + 1;
  bytes.set(text, 2);
  return bytes;
}

/** The comment in rule userdata; undefined when there is none or the userdata is of some other make. */
export function decodeComment(userdata: Uint8Array): string | undefined {
  let offset = 0;
  while (offset + 2 <= userdata.length) {
    const end = offset + 2 + (userdata[offset + 1] ?? 0);
    if (end > userdata.length) return undefined;
    if (userdata[offset] === NFTNL_UDATA_RULE_COMMENT) {
      return Buffer.from(userdata.subarray(offset + 2, end))
        .toString()
        .replace(/\0.*$/s, '');
    }
    offset = end;
  }
  return undefined;
}

/**
 * Set userdata that tells nft(8) the byte order of keys and data: 0 for a concatenation, 1 host, 2 big-endian.
 * The values are 32-bit in host order.
 */
export function encodeByteorders(key: number, data: number | undefined): Uint8Array {
  const orders = [NFTNL_UDATA_SET_KEYBYTEORDER, 4, key, 0, 0, 0];
  if (data !== undefined) orders.push(NFTNL_UDATA_SET_DATABYTEORDER, 4, data, 0, 0, 0);
  return Uint8Array.from(orders);
}
