import type { IpvlanLink, LanLink, MacvlanLink, VlanLink } from '../../core/kernel-objects.ts';
import {
  IPV4_DEVCONF,
  IPVLAN_F,
  IPVLAN_MODE,
  type LinkFields,
  type LinkInfo,
  type LinkMessage,
  MACVLAN_MODE,
} from '../netlink/index.ts';
import { create, type NamedRequest, set, UP, withoutLinkLocal } from './link-messages.ts';

const MACVLAN = {
  bridge: MACVLAN_MODE.MACVLAN_MODE_BRIDGE,
  private: MACVLAN_MODE.MACVLAN_MODE_PRIVATE,
  vepa: MACVLAN_MODE.MACVLAN_MODE_VEPA,
  passthru: MACVLAN_MODE.MACVLAN_MODE_PASSTHRU,
} as const;
const IPVLAN = {
  l2: IPVLAN_MODE.IPVLAN_MODE_L2,
  l3: IPVLAN_MODE.IPVLAN_MODE_L3,
  l3s: IPVLAN_MODE.IPVLAN_MODE_L3S,
} as const;
const FLAG = { bridge: 0, private: IPVLAN_F.IPVLAN_F_PRIVATE, vepa: IPVLAN_F.IPVLAN_F_VEPA } as const;

/** A link that stands on another, its parent. */
export type ChildLink = LanLink | VlanLink;

/**
 * The request that makes a link on its parent, and nothing else: the kernel takes its alias from a later one only.
 * @param parent ifindex in the namespace of the request.
 * @param into a descriptor of the namespace in which the link is made; absent: the same one.
 */
export function createChild(link: ChildLink, parent: number, into?: number): NamedRequest {
  const fields: LinkFields = {
    name: link.name,
    link: parent,
    ...('mtu' in link && link.mtu !== undefined ? { mtu: link.mtu } : {}),
    ...('mac' in link && link.mac !== undefined ? { address: link.mac } : {}),
    ...(into === undefined ? {} : { netNsFd: into }),
    info: infoOf(link),
  };
  return create(fields, `create ${link.type} ${link.name} on ${link.parent}`);
}

/** Requests that give a link on its parent its alias, and bring up one that stays on the host. */
export function setUpChild(link: ChildLink, hasIpv6: boolean): readonly NamedRequest[] {
  const step = `configure ${link.type} ${link.name} on ${link.parent}`;
  const { name, alias } = link;
  if (link.type === 'vlan') return [set({ name, alias }, {}, step), bringUp(link)];
  if (link.sandbox !== undefined) return [set({ name, alias }, {}, step)];
  const inet = { conf: { [IPV4_DEVCONF.IPV4_DEVCONF_ARPFILTER]: 1 } };
  const quiet = withoutLinkLocal(link.mtu, hasIpv6).afSpec ?? {};
  return [set({ name, alias, afSpec: { inet, ...quiet } }, {}, step), bringUp(link)];
}

function bringUp({ name, parent, type }: ChildLink): NamedRequest {
  return set({ name }, UP, `bring up ${type} ${name} on ${parent}`);
}

/** Whether correcting settings makes the one the other; otherwise it must be made again. */
export function childCanBecome(was: ChildLink, link: ChildLink): boolean {
  if (was.parent !== link.parent) return false;
  if (was.type === 'vlan' && link.type === 'vlan') return was.vlan === link.vlan;
  if (was.type === 'macvlan' && link.type === 'macvlan') return was.mode === link.mode;
  return was.type === 'ipvlan' && link.type === 'ipvlan' && was.mode === link.mode && was.flag === link.flag;
}

function infoOf(link: ChildLink): LinkInfo {
  switch (link.type) {
    case 'macvlan':
      return { kind: 'macvlan', macvlan: { mode: MACVLAN[link.mode] } };
    case 'ipvlan':
      return { kind: 'ipvlan', ipvlan: { mode: IPVLAN[link.mode], flags: FLAG[link.flag] } };
    case 'vlan':
      return { kind: 'vlan', vlan: { id: link.vlan } };
  }
}

/** What of a link on a parent its own message shows; undefined for settings that weft never gives. */
export function childSettings({
  fields,
}: LinkMessage):
  | Pick<MacvlanLink, 'type' | 'mode'>
  | Pick<IpvlanLink, 'type' | 'mode' | 'flag'>
  | Pick<VlanLink, 'type' | 'vlan'>
  | undefined {
  const { info } = fields;
  if (info?.kind === 'vlan' && info.vlan?.id !== undefined) return { type: 'vlan', vlan: info.vlan.id };
  if (info?.kind === 'macvlan') {
    const mode = nameOf(MACVLAN, info.macvlan?.mode);
    return mode === undefined ? undefined : { type: 'macvlan', mode };
  }
  if (info?.kind !== 'ipvlan') return undefined;
  const mode = nameOf(IPVLAN, info.ipvlan?.mode);
  const flag = nameOf(FLAG, info.ipvlan?.flags ?? 0);
  return mode === undefined || flag === undefined ? undefined : { type: 'ipvlan', mode, flag };
}

function nameOf<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
  number: number | undefined,
): Name | undefined {
  return (Object.keys(numbers) as Name[]).find((name) => numbers[name] === number);
}
