import { familyOf, type Ip } from '../../core/address.ts';
import type { VxlanLink } from '../../core/kernel-objects.ts';
import type { BridgePort, LinkFields, LinkInfo } from '../netlink/index.ts';
import { create, type NamedRequest, set, UP, withoutLinkLocal } from './link-messages.ts';

/**
 * Port settings that all of weft's VXLAN devices share: a frame leaves by one only if a forwarding entry says so, and
 * the bridge answers ARP and ND in its place.
 */
const PORT = { learning: 0, unicastFlood: 0, neighSuppress: 1, isolated: 0, hairpin: 0 } as const;

function portOf({ flood }: VxlanLink): BridgePort {
  const { hairpin, learning, unicastFlood, neighSuppress, isolated } = PORT;
  const toAll = flood ? 1 : 0;
  const floods = { unicastFlood, multicastFlood: toAll, broadcastFlood: toAll };
  return { hairpin, learning, ...floods, neighSuppress, isolated };
}

/**
 * Whether a port floods broadcasts and multicasts; undefined when its settings are not those of a port of weft's
 * VXLAN devices.
 */
export function floodOf(port: BridgePort | undefined): boolean | undefined {
  if (port === undefined || port.multicastFlood !== port.broadcastFlood) return undefined;
  const shared = Object.entries(PORT) as [keyof typeof PORT, number][];
  return shared.every(([name, value]) => port[name] === value) ? port.broadcastFlood === 1 : undefined;
}

/** The same on every kernel: UDP checksums, which offloads make cheap and IPv6 requires, are its default for IPv4 only. */
function tunnelOf(link: VxlanLink): LinkInfo {
  const checksums = { udpChecksum: 1, udpZeroChecksum6Tx: 0, udpZeroChecksum6Rx: 0 };
  const ends = { id: link.vni, ...localOf(link), learning: 0, port: link.port };
  return { kind: 'vxlan', vxlan: { ...checksums, ...ends } };
}

/**
 * Requests that make the device a port of `master` at once, and then give it its alias, its port settings and bring
 * it up.
 */
export function createVxlan(link: VxlanLink, master: number, hasIpv6: boolean): readonly NamedRequest[] {
  const fields: LinkFields = { ...mtuOf(link), master, name: link.name, info: tunnelOf(link) };
  return [
    create(fields, `create vxlan ${link.name} (VNI ${link.vni}, port ${link.port})`),
    setUp(link, hasIpv6),
  ];
}

/**
 * Requests that correct a device which has the right VNI, port and family of the underlay. The kernel refuses an MTU
 * beside tunnel settings.
 */
export function repairVxlan(link: VxlanLink, master: number, hasIpv6: boolean): readonly NamedRequest[] {
  const step = `correct vxlan ${link.name} (master ${link.master})`;
  const info: LinkInfo = { kind: 'vxlan', vxlan: { ...localOf(link), learning: 0 } };
  return [
    set({ name: link.name, info }, {}, step),
    set({ name: link.name, ...mtuOf(link), master }, {}, step),
    setUp(link, hasIpv6),
  ];
}

/** Whether the kernel can turn one device into the other (drivers/net/vxlan/vxlan_core.c: vxlan_nl2conf()). */
export function canBecome(was: VxlanLink, link: VxlanLink): boolean {
  return was.vni === link.vni && was.port === link.port && familyOf(was.local) === familyOf(link.local);
}

function setUp(link: VxlanLink, hasIpv6: boolean): NamedRequest {
  const fields: LinkFields = {
    name: link.name,
    alias: link.alias,
    group: link.group ?? 0,
    info: { slaveKind: 'bridge', bridgePort: portOf(link) },
    ...withoutLinkLocal(link.mtu, hasIpv6),
  };
  return set(fields, UP, `configure vxlan ${link.name} (master ${link.master})`);
}

function localOf({ local }: VxlanLink): { readonly local: Ip } | { readonly local6: Ip } {
  return familyOf(local) === 4 ? { local } : { local6: local };
}

function mtuOf({ mtu }: VxlanLink): LinkFields {
  return mtu === undefined ? {} : { mtu };
}
