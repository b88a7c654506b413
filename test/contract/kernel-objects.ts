import type { Cidr, Ip } from '../../core/address.ts';
import type { IfName, Mac, SandboxKey } from '../../core/ids.ts';
import type {
  AddressObject,
  BridgeLink,
  ElementObject,
  FdbObject,
  KernelObject,
  MacvlanLink,
  NeighbourObject,
  RouteObject,
  SysctlObject,
  TableObject,
  VethLink,
  VxlanLink,
} from '../../core/kernel-objects.ts';
import { linkName } from '../../core/names.ts';
import type { NftTable } from '../../core/nft.ts';
import { tableObject } from '../../kernel/index.ts';

/** One of each kind, on one bridge. */
export const BRIDGE: BridgeLink = {
  kind: 'link',
  type: 'bridge',
  name: linkName('wb', 'contract'),
  mac: '02:00:00:00:00:01' as Mac,
  mtu: 1400,
  alias: 'weft:weft-bridge:contract',
  routeLocalnet: true,
};

export function aVeth(id: string, change: Partial<VethLink> = {}): VethLink {
  return {
    kind: 'link',
    type: 'veth',
    name: linkName('wv', id),
    peerName: linkName('wc', id),
    peerMac: '02:00:00:00:00:02' as Mac,
    mtu: 1400,
    alias: `weft:weft-bridge:contract:${id}`,
    master: BRIDGE.name,
    isolated: true,
    hairpin: false,
    ...change,
  };
}

export const VETH: VethLink = aVeth('one');

export const VXLAN: VxlanLink = {
  kind: 'link',
  type: 'vxlan',
  name: linkName('wx', 'contract'),
  vni: 4242,
  local: '192.0.2.1' as Ip,
  port: 4789,
  mtu: 1400,
  alias: 'weft:weft-overlay:contract',
  master: BRIDGE.name,
  flood: false,
};

export const ADDRESS: AddressObject = {
  kind: 'address',
  dev: BRIDGE.name,
  address: { ip: '198.18.0.1' as Ip, prefix: 24 },
};

export const NEIGHBOUR: NeighbourObject = {
  kind: 'neighbour',
  dev: BRIDGE.name,
  ip: '198.18.0.9' as Ip,
  mac: '02:00:00:00:00:09' as Mac,
};

export const FDB: FdbObject = { kind: 'fdb', dev: VETH.name, mac: '02:00:00:00:00:0a' as Mac };

/** An entry of the VXLAN device: behind which host a MAC is. */
export function aVtep(destination: string, mac = '02:00:00:00:00:0c'): FdbObject {
  return { kind: 'fdb', dev: VXLAN.name, mac: mac as Mac, destination: destination as Ip };
}

export const VTEP: FdbObject = aVtep('192.0.2.2');

export const ROUTE: RouteObject = {
  kind: 'route',
  dev: BRIDGE.name,
  destination: '198.19.0.0/24' as Cidr,
  via: '198.18.0.7' as Ip,
};

export const SYSCTL: SysctlObject = { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '1' };

/** A table of one map and one set; `extra` gives it another set. */
export function aTable(extra?: string): TableObject {
  const table: NftTable = {
    family: 'ip',
    name: 'weft',
    sets: [
      { name: 'ports', key: ['inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
      { name: 'bridges', key: ['ifname'] },
      ...(extra === undefined ? [] : [{ name: extra, key: ['mark'] as const }]),
    ],
    chains: [{ name: 'passed', rules: [{ comment: 'counted', exprs: [{ expr: 'counter' }] }] }],
  };
  return tableObject(table);
}

export const TABLE: TableObject = aTable();

export function aPort(hostPort: string, containerPort = '80'): ElementObject {
  return {
    kind: 'element',
    family: 'ip',
    table: 'weft',
    set: 'ports',
    key: ['tcp', hostPort],
    data: ['198.18.0.2', containerPort],
  };
}

export const PORT: ElementObject = aPort('8080');

/** The host's own link on a LAN, and one that is a sandbox's. */
export const MACVLAN: MacvlanLink = {
  kind: 'link',
  type: 'macvlan',
  name: linkName('wh', 'contract'),
  parent: 'lan0' as IfName,
  mode: 'bridge',
  mac: '02:00:00:00:00:44' as Mac,
  alias: 'weft:weft-macvlan:contract',
};

export function aContainerLink(sandbox: string): MacvlanLink {
  const { mac: _other, ...link } = MACVLAN;
  return {
    ...link,
    name: linkName('wl', 'contract'),
    alias: 'weft:weft-macvlan:contract:one',
    sandbox: sandbox as SandboxKey,
  };
}

/** In creation order. */
export const ONE_OF_EACH: readonly KernelObject[] = [
  SYSCTL,
  TABLE,
  BRIDGE,
  VETH,
  VXLAN,
  ADDRESS,
  NEIGHBOUR,
  FDB,
  VTEP,
  ROUTE,
  PORT,
];

export const NOBODYS = 'wb-aaaaaaaaaa' as IfName;
