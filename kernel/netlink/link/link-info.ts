import { bareText, legacyNested, raw } from '../attribute-codecs.ts';
import {
  type AttributeCodec,
  type AttributesOf,
  decodeAttributes,
  encodeAttributes,
  fromAttributes,
  NLA_TYPE_MASK,
  toAttributes,
} from '../attributes.ts';
import { BRIDGE } from './bridge.ts';
import { BRIDGE_PORT } from './bridge-port.ts';
import { IFLA_INFO } from './if-link.ts';
import { IPVLAN } from './ipvlan.ts';
import { MACVLAN } from './macvlan.ts';
import { VETH } from './veth.ts';
import { VLAN } from './vlan.ts';
import { VXLAN } from './vxlan.ts';

const { IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA } = IFLA_INFO;

const KIND = { kind: [IFLA_INFO_KIND, bareText], slaveKind: [IFLA_INFO_SLAVE_KIND, bareText] } as const;

/** Tables of IFLA_INFO_DATA by kind. */
const DATA = {
  bridge: { bridge: [IFLA_INFO_DATA, legacyNested(BRIDGE)] },
  veth: { veth: [IFLA_INFO_DATA, legacyNested(VETH)] },
  vxlan: { vxlan: [IFLA_INFO_DATA, legacyNested(VXLAN)] },
  macvlan: { macvlan: [IFLA_INFO_DATA, legacyNested(MACVLAN)] },
  ipvlan: { ipvlan: [IFLA_INFO_DATA, legacyNested(IPVLAN)] },
  vlan: { vlan: [IFLA_INFO_DATA, legacyNested(VLAN)] },
} as const;
const OTHER_DATA = { data: [IFLA_INFO_DATA, raw] } as const;
const PORT = { bridgePort: [IFLA_INFO_SLAVE_DATA, legacyNested(BRIDGE_PORT)] } as const;
const OTHER_PORT = { slaveData: [IFLA_INFO_SLAVE_DATA, raw] } as const;

const ALL = {
  ...KIND,
  ...DATA.bridge,
  ...DATA.veth,
  ...DATA.vxlan,
  ...DATA.macvlan,
  ...DATA.ipvlan,
  ...DATA.vlan,
  ...OTHER_DATA,
  ...PORT,
  ...OTHER_PORT,
} as const;

/**
 * IFLA_LINKINFO. The kind's own data stands in the field of its name, that of other kinds in `data`; what the
 * master keeps about this link stands in `bridgePort`, or `slaveData` for masters that are no bridge.
 */
export type LinkInfo = AttributesOf<typeof ALL>;

function reading(data: object): { readonly bridgePort: typeof ALL; readonly otherPort: typeof ALL } {
  return {
    bridgePort: { ...KIND, ...data, ...PORT } as typeof ALL,
    otherPort: { ...KIND, ...data, ...OTHER_PORT } as typeof ALL,
  };
}

/** Which table reads a message depends on the kinds in it. Made once, because a table is indexed at first use. */
const READING = {
  bridge: reading(DATA.bridge),
  veth: reading(DATA.veth),
  vxlan: reading(DATA.vxlan),
  macvlan: reading(DATA.macvlan),
  ipvlan: reading(DATA.ipvlan),
  vlan: reading(DATA.vlan),
  other: reading(OTHER_DATA),
} as const;

function textOf(bytes: Uint8Array, wanted: number): string | undefined {
  const found = decodeAttributes(bytes).find(({ type }) => (type & NLA_TYPE_MASK) === wanted);
  return found === undefined ? undefined : bareText.decode(found.value);
}

function isKnown(kind: string | undefined): kind is keyof typeof DATA {
  return kind !== undefined && Object.hasOwn(DATA, kind);
}

export const linkInfo: AttributeCodec<LinkInfo> = {
  encode: (info) => encodeAttributes(toAttributes(ALL, info)),
  decode: (bytes) => {
    const kind = textOf(bytes, IFLA_INFO_KIND);
    const tables = isKnown(kind) ? READING[kind] : READING.other;
    const isBridgePort = textOf(bytes, IFLA_INFO_SLAVE_KIND) === 'bridge';
    return fromAttributes<typeof ALL>(isBridgePort ? tables.bridgePort : tables.otherPort, bytes);
  },
};
