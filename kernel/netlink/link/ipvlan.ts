import { u16 } from '../attribute-codecs.ts';
import type { AttributesOf } from '../attributes.ts';
import { IFLA_IPVLAN } from './if-link.ts';

/** IFLA_INFO_DATA of an ipvlan link; `mode` is IPVLAN_MODE_*. The parent is IFLA_LINK of the message. */
export const IPVLAN = {
  mode: [IFLA_IPVLAN.IFLA_IPVLAN_MODE, u16],
  flags: [IFLA_IPVLAN.IFLA_IPVLAN_FLAGS, u16],
} as const;

export type IpvlanData = AttributesOf<typeof IPVLAN>;
