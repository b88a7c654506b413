import { ip, raw, text, u32 } from './attribute-codecs.ts';
import { type AttributesOf, encodeAttributes, fromAttributes, toAttributes } from './attributes.ts';
import { type StructOf, structCodec } from './fixed-header.ts';

/** Attribute numbers and flags of include/uapi/linux/if_addr.h. */
export const IFA = {
  IFA_ADDRESS: 1,
  IFA_LOCAL: 2,
  IFA_LABEL: 3,
  IFA_BROADCAST: 4,
  IFA_CACHEINFO: 6,
  IFA_FLAGS: 8,
  IFA_PROTO: 11,
} as const;

export const IFA_F = {
  IFA_F_SECONDARY: 0x01,
  IFA_F_NODAD: 0x02,
  IFA_F_DADFAILED: 0x08,
  IFA_F_TENTATIVE: 0x40,
  IFA_F_PERMANENT: 0x80,
  IFA_F_NOPREFIXROUTE: 0x200,
} as const;

const LAYOUT = { family: 'u8', prefix: 'u8', flags: 'u8', scope: 'u8', index: 'u32' } as const;
const header = structCodec('ifaddrmsg', LAYOUT);

const ADDRESS = {
  address: [IFA.IFA_ADDRESS, ip],
  local: [IFA.IFA_LOCAL, ip],
  label: [IFA.IFA_LABEL, text],
  broadcast: [IFA.IFA_BROADCAST, ip],
  cacheInfo: [IFA.IFA_CACHEINFO, raw],
  flags: [IFA.IFA_FLAGS, u32],
} as const;

/** struct ifaddrmsg. Its 8-bit flags are superseded by the field of the same name. */
export type AddressHeader = StructOf<typeof LAYOUT>;
/** On point-to-point links `address` is the far end and `local` ours; elsewhere both are ours, IPv6 has `address` only. */
export type AddressFields = AttributesOf<typeof ADDRESS>;

/** RTM_NEWADDR, RTM_DELADDR or RTM_GETADDR without its netlink header. */
export interface AddressMessage {
  readonly header: AddressHeader;
  readonly fields: AddressFields;
}

export function encodeAddress(values: Partial<AddressHeader>, fields: AddressFields): Uint8Array {
  return encodeAttributes(toAttributes(ADDRESS, fields), header.encode(values));
}

/** @throws {DecodeError} when the bytes are no address message. */
export function decodeAddress(bytes: Uint8Array): AddressMessage {
  return { header: header.decode(bytes), fields: fromAttributes(ADDRESS, bytes.subarray(header.length)) };
}
