import { u16, u32 } from '../attribute-codecs.ts';
import type { AttributesOf } from '../attributes.ts';
import { IFLA_MACVLAN } from './if-link.ts';

/** IFLA_INFO_DATA of a macvlan link; `mode` is a MACVLAN_MODE_* bit. The parent is IFLA_LINK of the message. */
export const MACVLAN = {
  mode: [IFLA_MACVLAN.IFLA_MACVLAN_MODE, u32],
  flags: [IFLA_MACVLAN.IFLA_MACVLAN_FLAGS, u16],
  broadcastQueueLength: [IFLA_MACVLAN.IFLA_MACVLAN_BC_QUEUE_LEN, u32],
} as const;

export type MacvlanData = AttributesOf<typeof MACVLAN>;
