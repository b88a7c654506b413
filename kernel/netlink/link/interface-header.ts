import { type StructOf, structCodec } from '../fixed-header.ts';

const LAYOUT = { family: 'u8', pad: 'pad8', type: 'u16', index: 'u32', flags: 'u32', change: 'u32' } as const;

/**
 * struct ifinfomsg (include/uapi/linux/rtnetlink.h): `type` is ARPHRD_*, `flags` IFF_*, `change` the mask of flags
 * that the message sets.
 */
export const interfaceHeader = structCodec('ifinfomsg', LAYOUT);

export type InterfaceHeader = StructOf<typeof LAYOUT>;
