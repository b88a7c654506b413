/** An iptables match or target inside nf_tables, as net/netfilter/nft_compat.c dumps it. */
export interface XtExtension {
  readonly name: string;
  readonly revision: number;
  /** The extension's own struct. */
  readonly info: Uint8Array;
}

/** NFTA_MATCH_NAME, _REV and _INFO, which are NFTA_TARGET_NAME, _REV and _INFO as well. */
const NAME = 1;
const REVISION = 2;
const INFO = 3;

/** @param data the attributes; what is cut off reads as empty. */
export function decodeXtExtension(data: Uint8Array): XtExtension {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const values = new Map<number, Buffer>();
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const length = Math.max(4, bytes.readUInt16LE(offset));
    values.set(bytes.readUInt16LE(offset + 2) & 0x3fff, bytes.subarray(offset + 4, offset + length));
    offset += (length + 3) & ~3;
  }
  const revision = values.get(REVISION);
  return {
    name: (values.get(NAME)?.toString('latin1') ?? '').replace(/\0.*$/s, ''),
    revision: revision?.length === 4 ? revision.readUInt32BE() : 0,
    info: values.get(INFO) ?? new Uint8Array(),
  };
}

/** Offsets in struct xt_conntrack_mtinfo2 and 3 (include/uapi/linux/netfilter/xt_conntrack.h). */
const MATCH_FLAGS = 146;
const INVERT_FLAGS = 148;
const STATE_MASK = 150;
const XT_CONNTRACK_STATE = 1;
/** XT_CONNTRACK_STATE_BIT(IP_CT_NEW) and XT_CONNTRACK_STATE_DNAT. */
const NEW = 1 << 3;
const TRANSLATED = 1 << 7;

/** Whether `-m conntrack` matches the first packet of a connection; `maybe` when it asks for more than the state. */
export function matchesFirstPacket(
  { revision, info }: XtExtension,
  translated: boolean,
): 'yes' | 'no' | 'maybe' {
  if (revision < 2 || info.length < STATE_MASK + 2) return 'maybe';
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  const flags = view.getUint16(MATCH_FLAGS, true);
  if ((flags & XT_CONNTRACK_STATE) === 0) return 'maybe';
  const state = NEW | (translated ? TRANSLATED : 0);
  const holds = (view.getUint16(STATE_MASK, true) & state) !== 0;
  const inverted = (view.getUint16(INVERT_FLAGS, true) & XT_CONNTRACK_STATE) !== 0;
  if (holds === inverted) return 'no';
  return flags === XT_CONNTRACK_STATE ? 'yes' : 'maybe';
}
