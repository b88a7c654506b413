import { DecodeError } from '../../core/errors.ts';
import { NLM_F, NLMSG_HDRLEN, NLMSGERR_ATTR, nlmsgAlign } from './netlink-header.ts';

/** One netlink message without its header's length, sequence and port. `payload` is what follows struct nlmsghdr. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** A message as received: with the sequence number of the request it answers, 0 for notifications. */
export interface ReceivedMessage extends NetlinkMessage {
  readonly seq: number;
  /** Port of the socket that caused it; 0 for the kernel itself. */
  readonly port: number;
}

/** What NLMSG_ERROR says. `errno` is positive, 0 for an acknowledgement. */
export interface Acknowledgement {
  readonly errno: number;
  /** Extended-ack sentence (NLMSGERR_ATTR_MSG). */
  readonly text?: string;
  /** Offset in bytes, from the request's header, of what was refused (NLMSGERR_ATTR_OFFS). */
  readonly offset?: number;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Messages one after the other as one send takes them, numbered `firstSeq`, `firstSeq + 1`, …; port 0, which the
 * kernel does not check.
 */
export function encodeMessages(messages: readonly NetlinkMessage[], firstSeq: number): Uint8Array {
  let size = 0;
  for (const message of messages) size += nlmsgAlign(NLMSG_HDRLEN + message.payload.length);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  let at = 0;
  let seq = firstSeq;
  for (const { type, flags, payload } of messages) {
    view.setUint32(at, NLMSG_HDRLEN + payload.length, true);
    view.setUint16(at + 4, type, true);
    view.setUint16(at + 6, flags, true);
    view.setUint32(at + 8, seq++, true);
    bytes.set(payload, at + NLMSG_HDRLEN);
    at += nlmsgAlign(NLMSG_HDRLEN + payload.length);
  }
  return bytes;
}

/**
 * Splits a datagram (include/uapi/linux/netlink.h: struct nlmsghdr). Payloads share the datagram's memory.
 * @throws {DecodeError} when a length does not fit.
 */
export function decodeMessages(datagram: Uint8Array): ReceivedMessage[] {
  const view = viewOf(datagram);
  const messages: ReceivedMessage[] = [];
  let at = 0;
  while (at < datagram.length) {
    const left = datagram.length - at;
    const length = left < NLMSG_HDRLEN ? 0 : view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > left) {
      throw new DecodeError(`netlink message at ${at} of ${datagram.length} bytes: length ${length}`);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      payload: datagram.subarray(at + NLMSG_HDRLEN, at + length),
    });
    at += nlmsgAlign(length);
  }
  return messages;
}

/**
 * Reads the payload of NLMSG_ERROR: an errno, the header of the request, the request itself unless NLM_F_CAPPED,
 * then attributes if NLM_F_ACK_TLVS (net/netlink/af_netlink.c: netlink_ack()).
 * @throws {DecodeError} when a length does not fit.
 */
export function decodeError(message: NetlinkMessage): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < 4 + NLMSG_HDRLEN)
    throw new DecodeError(`netlink error message of ${payload.length} bytes`);
  const view = viewOf(payload);
  const capped = (flags & NLM_F.NLM_F_CAPPED) !== 0;
  const echoed = capped ? NLMSG_HDRLEN : nlmsgAlign(Math.max(view.getUint32(4, true), NLMSG_HDRLEN));
  return { errno: Math.abs(view.getInt32(0, true)), ...extendedAck(payload, flags, 4 + echoed) };
}

/**
 * Reads the payload of NLMSG_DONE: an errno and, if NLM_F_ACK_TLVS, attributes. Some kernels send no errno.
 * @throws {DecodeError} when a length does not fit.
 */
export function decodeDone(message: NetlinkMessage): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < 4) return { errno: 0 };
  const status = viewOf(payload).getInt32(0, true);
  return { errno: status < 0 ? -status : 0, ...extendedAck(payload, flags, 4) };
}

function extendedAck(payload: Uint8Array, flags: number, from: number): { text?: string; offset?: number } {
  if ((flags & NLM_F.NLM_F_ACK_TLVS) === 0) return {};
  const found: { text?: string; offset?: number } = {};
  const view = viewOf(payload);
  let at = from;
  while (at + 4 <= payload.length) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > payload.length) {
      throw new DecodeError(`extended ack attribute at ${at} of ${payload.length} bytes: length ${length}`);
    }
    const type = view.getUint16(at + 2, true) & 0x3fff;
    if (type === NLMSGERR_ATTR.NLMSGERR_ATTR_MSG) {
      found.text = Buffer.from(payload.subarray(at + 4, at + length))
        .toString('utf8')
        .replace(/\0.*$/s, '');
    } else if (type === NLMSGERR_ATTR.NLMSGERR_ATTR_OFFS && length >= 8) {
      found.offset = view.getUint32(at + 4, true);
    }
    at += nlmsgAlign(length);
  }
  return found;
}
