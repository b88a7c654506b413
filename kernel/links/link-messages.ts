import type { BridgeLink, KernelObject, VethLink } from '../../core/kernel-objects.ts';
import {
  encodeLink,
  IFF,
  IN6_ADDR_GEN_MODE,
  IPV4_DEVCONF,
  type LinkFields,
  type NetlinkRequest,
  NLM_F,
  RTM,
  type StepText,
} from '../netlink/index.ts';
import { getLink } from './link-table.ts';

export type NamedRequest = NetlinkRequest & { readonly step: StepText };

/** Links below this MTU have no IPv6 at all (RFC 8200 section 5), and the kernel refuses settings for it. */
const IPV6_MIN_MTU = 1280;
export const UP = { flags: IFF.IFF_UP, change: IFF.IFF_UP } as const;

/** Turns a link off IPv6 link-local addresses, where it has IPv6. */
export function withoutLinkLocal(mtu: number | undefined, ipv6: boolean): LinkFields {
  if (!ipv6 || (mtu !== undefined && mtu < IPV6_MIN_MTU)) return {};
  return { afSpec: { inet6: { addrGenMode: IN6_ADDR_GEN_MODE.IN6_ADDR_GEN_MODE_NONE } } };
}

/** A request that gives an existing link settings. */
export function set(
  fields: LinkFields,
  header: { readonly flags?: number; readonly change?: number },
  step: string,
): NamedRequest {
  return { type: RTM.RTM_NEWLINK, flags: 0, payload: encodeLink(header, fields), step };
}

/** A request that makes a link; EEXIST when the name is taken. */
export function create(fields: LinkFields, step: string): NamedRequest {
  const flags = NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL;
  return { type: RTM.RTM_NEWLINK, flags, payload: encodeLink({}, fields), step };
}

/**
 * The request that makes the bridge, and nothing else. Its MTU is set afterwards: one that it is made with lasts only
 * until its last port goes (net/bridge/br_if.c: br_mtu_auto_adjust()).
 */
export function createBridge(link: BridgeLink): NamedRequest {
  const fields: LinkFields = {
    name: link.name,
    ...(link.mac === undefined ? {} : { address: link.mac }),
    info: { kind: 'bridge', bridge: { forwardDelay: 0 } },
  };
  return create(fields, `create bridge ${link.name}`);
}

/**
 * Requests that give an existing bridge its settings, then bring it up: a bridge without ports counts as running, so
 * a link-local address would be generated at once if the mode were set afterwards.
 * @param hasIpv6 whether the kernel has IPv6.
 */
export function setUpBridge(link: BridgeLink, hasIpv6: boolean): readonly NamedRequest[] {
  const localnet = { inet: { conf: { [IPV4_DEVCONF.IPV4_DEVCONF_ROUTE_LOCALNET]: 1 } } };
  const quiet = link.ipv6 === true ? {} : (withoutLinkLocal(link.mtu, hasIpv6).afSpec ?? {});
  const afSpec = {
    ...(link.routeLocalnet === true ? localnet : {}),
    ...(link.adopted === true ? {} : quiet),
  };
  const fields: LinkFields = {
    name: link.name,
    ...(link.adopted === true ? {} : { alias: link.alias, ...mtuOf(link) }),
    ...(Object.keys(afSpec).length === 0 ? {} : { afSpec }),
  };
  return [
    set(fields, {}, `configure bridge ${link.name}`),
    set({ name: link.name }, UP, `bring up bridge ${link.name}`),
    { ...getLink(link.name), step: `look up bridge ${link.name}` },
  ];
}

/**
 * Requests that make the pair, the host end a port of `master` at once, and then give the host end its alias, its
 * port settings and bring it up. Nobody needs its ifindex, and reading it back would take a fifth of the time.
 * @param into a descriptor of the namespace in which the peer is made; absent: the same one.
 */
export function createVeth(
  link: VethLink,
  master: number,
  hasIpv6: boolean,
  into?: number,
): readonly NamedRequest[] {
  const mtu = link.mtu === undefined ? {} : { mtu: link.mtu };
  const peer = {
    name: link.peerName,
    ...(link.peerMac === undefined ? {} : { address: link.peerMac }),
    ...mtu,
    ...(into === undefined ? {} : { netNsFd: into }),
  };
  const fields: LinkFields = { name: link.name, ...mtu, master, info: { kind: 'veth', veth: { peer } } };
  return [
    create(fields, `create veth ${link.name} (peer ${link.peerName}, master ${link.master})`),
    ...setUpVeth(link, hasIpv6),
  ];
}

/** Requests that give the host end of a pair its settings; it must be a port of its master already. */
function setUpVeth(link: VethLink, hasIpv6: boolean): readonly NamedRequest[] {
  const fields: LinkFields = {
    name: link.name,
    alias: link.alias,
    group: link.group ?? 0,
    info: {
      slaveKind: 'bridge',
      bridgePort: { isolated: link.isolated ? 1 : 0, hairpin: link.hairpin ? 1 : 0 },
    },
    ...withoutLinkLocal(link.mtu, hasIpv6),
  };
  return [set(fields, UP, `configure veth ${link.name} (master ${link.master})`)];
}

/**
 * Requests that correct an existing bridge of ours. The MAC is set only if it differs, because the kernel then forgets
 * every neighbour on the link, the permanent ones too.
 * @param was what is there.
 */
export function repairBridge(link: BridgeLink, was: KernelObject, hasIpv6: boolean): readonly NamedRequest[] {
  const isSame =
    link.mac === undefined || (was.kind === 'link' && was.type === 'bridge' && was.mac === link.mac);
  const own =
    link.adopted === true || isSame
      ? []
      : [set({ name: link.name, address: link.mac }, {}, `correct bridge ${link.name}`)];
  return [...own, ...setUpBridge(link, hasIpv6)];
}

function mtuOf({ mtu }: BridgeLink): LinkFields {
  return mtu === undefined ? {} : { mtu };
}

/** Requests that correct the host end of an existing pair of ours. */
export function repairVeth(link: VethLink, master: number, hasIpv6: boolean): readonly NamedRequest[] {
  const fields = { name: link.name, master, ...(link.mtu === undefined ? {} : { mtu: link.mtu }) };
  return [set(fields, {}, `correct veth ${link.name} (master ${link.master})`), ...setUpVeth(link, hasIpv6)];
}
