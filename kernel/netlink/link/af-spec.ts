import { legacyNested, u8, u32 } from '../attribute-codecs.ts';
import {
  type AttributeCodec,
  type AttributesOf,
  decodeAttributes,
  encodeAttributes,
  fromAttributes,
  toAttributes,
} from '../attributes.ts';
import { viewOf } from '../message.ts';
import { AF } from '../rtnetlink.ts';
import { IFLA_INET_CONF, IFLA_INET6 } from './if-link.ts';

/**
 * IPv4 settings of a link by IPV4_DEVCONF_* number. The kernel reports all of them as an array of 32-bit numbers,
 * the first one numbered 1, but takes a nest with an attribute for each (net/ipv4/devinet.c: inet_fill_link_af(),
 * inet_set_link_af()). This codec writes the second form and reads both.
 */
const devconf: AttributeCodec<Readonly<Record<number, number>>> = {
  encode: (values) =>
    encodeAttributes(
      Object.entries(values).map(([id, value]) => ({ type: Number(id), value: u32.encode(value) })),
    ),
  decode: (bytes) => {
    // Forwarding, the array's first number, is 0 or 1; a nest begins with a length of 8.
    if (bytes.length >= 8 && viewOf(bytes).getUint16(0, true) === 8) {
      return Object.fromEntries(decodeAttributes(bytes).map(({ type, value }) => [type, u32.decode(value)]));
    }
    const values: Record<number, number> = {};
    for (let i = 0; i + 4 <= bytes.length; i += 4) values[i / 4 + 1] = viewOf(bytes).getUint32(i, true);
    return values;
  },
};

const INET = { conf: [IFLA_INET_CONF, devconf] } as const;
const INET6 = {
  flags: [IFLA_INET6.IFLA_INET6_FLAGS, u32],
  addrGenMode: [IFLA_INET6.IFLA_INET6_ADDR_GEN_MODE, u8],
} as const;

const AF_SPEC = {
  inet: [AF.AF_INET, legacyNested(INET)],
  inet6: [AF.AF_INET6, legacyNested(INET6)],
} as const;

/** IFLA_AF_SPEC of an AF_UNSPEC message: what each address family keeps about the link. */
export type AfSpec = AttributesOf<typeof AF_SPEC>;

export const afSpec: AttributeCodec<AfSpec> = {
  encode: (values) => encodeAttributes(toAttributes(AF_SPEC, values)),
  decode: (bytes) => fromAttributes(AF_SPEC, bytes),
};
