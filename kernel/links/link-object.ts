import { type IfName, parseMac } from '../../core/ids.ts';
import type {
  BridgeLink,
  LanLink,
  LinkObject,
  VethLink,
  VlanLink,
  VxlanLink,
} from '../../core/kernel-objects.ts';
import { DERIVED_NAME } from '../../core/names.ts';
import { IFF, IPV4_DEVCONF, type LinkMessage } from '../netlink/index.ts';
import { childSettings } from './child-messages.ts';
import { dummyObject } from './dummy.ts';
import { floodOf } from './vxlan-messages.ts';

/** Whether a link is weft's by its name or alias. The container's end of a pair is not: it goes with the host's. */
export function isOwned({ fields }: LinkMessage): boolean {
  const name = fields.name ?? '';
  if (/^wc-/.test(name)) return false;
  return fields.alias?.startsWith('weft:') === true || DERIVED_NAME.test(name);
}

/**
 * A link of the kernel as weft compares it. What cannot be read off the host's end of a pair (the peer's name and
 * MAC) is taken from `wanted`.
 * @param nameOf names of links by ifindex.
 */
export function linkObject(
  link: LinkMessage,
  wanted: LinkObject | undefined,
  nameOf: (index: number) => string | undefined,
): LinkObject {
  const kind = link.fields.info?.kind ?? '';
  const name = (link.fields.name ?? '') as IfName;
  const fits = wanted === undefined || wanted.type === kind;
  const known = knownObject(link, fits ? kind : '', wanted, nameOf);
  if (known !== undefined) return known;
  const dummy = wanted === undefined || wanted.type === 'dummy' ? dummyObject(link) : undefined;
  return dummy === undefined
    ? { kind: 'link', type: 'foreign', name, found: kind }
    : { ...dummy, ...down(link) };
}

function knownObject(
  link: LinkMessage,
  kind: string,
  wanted: LinkObject | undefined,
  nameOf: (index: number) => string | undefined,
): LinkObject | undefined {
  const name = (link.fields.name ?? '') as IfName;
  switch (kind) {
    case 'bridge':
      return bridgeObject(link, name, wanted);
    case 'veth':
      return vethObject(link, name, wanted, nameOf);
    case 'vxlan':
      return vxlanObject(link, name, nameOf);
    case 'macvlan':
    case 'ipvlan':
    case 'vlan':
      return childObject(link, name, wanted, nameOf);
    default:
      return undefined;
  }
}

/**
 * A link on a parent. One whose parent lies in another namespace has none that weft could have made it on.
 */
function childObject(
  link: LinkMessage,
  name: IfName,
  wanted: LinkObject | undefined,
  nameOf: (index: number) => string | undefined,
): LanLink | VlanLink | undefined {
  const { fields } = link;
  const settings = childSettings(link);
  if (settings === undefined) return undefined;
  const isHere = fields.linkNetnsId === undefined && fields.link !== undefined;
  const parent = (isHere ? (nameOf(fields.link) ?? '') : '') as IfName;
  const common = { kind: 'link', name, parent, alias: fields.alias ?? '', ...down(link) } as const;
  if (settings.type === 'vlan') return { ...common, ...settings };
  const sandbox = wanted !== undefined && 'sandbox' in wanted ? wanted.sandbox : undefined;
  return { ...common, ...settings, ...mtu(link), ...(sandbox === undefined ? {} : { sandbox }) };
}

function down({ header }: LinkMessage): { readonly down?: true } {
  return (header.flags & IFF.IFF_UP) === 0 ? { down: true } : {};
}

function group({ fields }: LinkMessage): { readonly group?: number } {
  return fields.group === undefined || fields.group === 0 ? {} : { group: fields.group };
}

function mtu({ fields }: LinkMessage): { readonly mtu?: number } {
  return fields.mtu === undefined ? {} : { mtu: fields.mtu };
}

/** A bridge without ports whose MAC nobody set has none: all zeroes (br_stp_recalculate_bridge_id). */
function hasMac({ fields }: LinkMessage): boolean {
  return fields.address !== undefined && fields.address !== '00:00:00:00:00:00';
}

function bridgeObject(link: LinkMessage, name: IfName, wanted: LinkObject | undefined): BridgeLink {
  const { fields } = link;
  const localnet = fields.afSpec?.inet?.conf?.[IPV4_DEVCONF.IPV4_DEVCONF_ROUTE_LOCALNET] === 1;
  const mine = wanted?.type === 'bridge' ? wanted : undefined;
  return {
    kind: 'link',
    type: 'bridge',
    name,
    ...mtu(link),
    ...(hasMac(link) ? { mac: parseMac(fields.address ?? '', name) } : {}),
    alias: mine?.adopted === true ? mine.alias : (fields.alias ?? ''),
    ...(mine?.adopted === true ? { adopted: true } : {}),
    ...(localnet ? { routeLocalnet: true } : {}),
    ...(mine?.ipv6 === true ? { ipv6: true } : {}),
    ...down(link),
  };
}

function vethObject(
  link: LinkMessage,
  name: IfName,
  wanted: LinkObject | undefined,
  nameOf: (index: number) => string | undefined,
): VethLink {
  const { fields } = link;
  const mine = wanted?.type === 'veth' ? wanted : undefined;
  const peer =
    fields.linkNetnsId === undefined && fields.link !== undefined ? nameOf(fields.link) : undefined;
  return {
    kind: 'link',
    type: 'veth',
    name,
    peerName: mine?.peerName ?? ((peer ?? name.replace(/^wv-/, 'wc-')) as IfName),
    ...(mine?.peerMac === undefined ? {} : { peerMac: mine.peerMac }),
    ...mtu(link),
    alias: fields.alias ?? '',
    master: (fields.master === undefined ? '' : (nameOf(fields.master) ?? '')) as IfName,
    isolated: fields.info?.bridgePort?.isolated === 1,
    ...group(link),
    hairpin: fields.info?.bridgePort?.hairpin === 1,
    ...down(link),
  };
}

/** Undefined for a device without VNI or address of its own, which no repair would make one of weft's. */
function vxlanObject(
  link: LinkMessage,
  name: IfName,
  nameOf: (index: number) => string | undefined,
): VxlanLink | undefined {
  const { fields } = link;
  const tunnel = fields.info?.vxlan;
  const local = tunnel?.local ?? tunnel?.local6;
  if (tunnel?.id === undefined || local === undefined || tunnel.port === undefined) return undefined;
  if (tunnel.collectMetadata === 1) return undefined;
  const flood = floodOf(fields.info?.bridgePort);
  return {
    kind: 'link',
    type: 'vxlan',
    name,
    vni: tunnel.id,
    local,
    port: tunnel.port,
    ...mtu(link),
    alias: fields.alias ?? '',
    master: (fields.master === undefined ? '' : (nameOf(fields.master) ?? '')) as IfName,
    flood: flood ?? false,
    ...group(link),
    ...(flood === undefined || tunnel.learning === 1 ? { altered: true } : {}),
    ...down(link),
  };
}
