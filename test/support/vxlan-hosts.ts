import type { Ip } from '../../core/address.ts';
import { creations } from '../../core/diff.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { BridgeLink, KernelObject, VethLink, VxlanLink } from '../../core/kernel-objects.ts';
import { linkName } from '../../core/names.ts';
import { LinkLayer } from '../../kernel/links/index.ts';
import { openScratchNamespace, type ScratchNamespace } from './scratch-namespace.ts';

const BRIDGE_NAME = linkName('wb', 'app');
const VXLAN_NAME = linkName('wx', 'app');

/** The network's bridge, the same on every host. */
export const BRIDGE: BridgeLink = {
  kind: 'link',
  type: 'bridge',
  name: BRIDGE_NAME,
  mac: '02:00:00:00:00:01' as Mac,
  mtu: 1400,
  alias: 'weft:weft-overlay:app',
  ipv6: true,
};

export function aVxlan(change: Partial<VxlanLink> = {}): VxlanLink {
  return {
    kind: 'link',
    type: 'vxlan',
    name: VXLAN_NAME,
    vni: 4242,
    local: '192.0.2.1' as Ip,
    port: 4789,
    mtu: 1400,
    alias: 'weft:weft-overlay:app',
    master: BRIDGE_NAME,
    flood: false,
    ...change,
  };
}

/** A container of host `number`: its link on the host and its addresses. */
export interface Container {
  readonly veth: VethLink;
  readonly mac: Mac;
  readonly ipv4: Ip;
  readonly ipv6: Ip;
}

export function containerOf(number: number): Container {
  const mac = `02:00:00:00:01:0${number}` as Mac;
  const id = `container${number}`;
  const veth: VethLink = {
    kind: 'link',
    type: 'veth',
    name: linkName('wv', id),
    peerName: linkName('wc', id),
    peerMac: mac,
    mtu: 1400,
    alias: `weft:weft-overlay:app:${id}`,
    master: BRIDGE_NAME,
    isolated: false,
    hairpin: false,
  };
  return { veth, mac, ipv4: `10.9.0.${number + 1}` as Ip, ipv6: `fd00:9::${number + 1}` as Ip };
}

/** What a container of another host needs here. */
export function remoteObjects(container: Container, vtep: Ip): readonly KernelObject[] {
  const { mac, ipv4, ipv6 } = container;
  return [
    { kind: 'neighbour', dev: BRIDGE_NAME, ip: ipv4, mac },
    { kind: 'neighbour', dev: BRIDGE_NAME, ip: ipv6, mac },
    { kind: 'fdb', dev: VXLAN_NAME, mac, destination: vtep },
    { kind: 'fdb', dev: VXLAN_NAME, mac },
  ];
}

/** The entry by which frames to everybody go to a host as well. */
export function floodTo(vtep: Ip): KernelObject {
  return { kind: 'fdb', dev: VXLAN_NAME, mac: '00:00:00:00:00:00' as Mac, destination: vtep };
}

/** A host with one container on the network `app`. */
export interface VxlanHost {
  readonly host: ScratchNamespace;
  readonly inside: ScratchNamespace;
  readonly links: LinkLayer;
  readonly vtep: Ip;
  readonly container: Container;
  /** Frames that went into tunnels from here. */
  sent(): number;
}

export type VxlanHosts = AsyncDisposable & { readonly hosts: readonly VxlanHost[] };

/**
 * Hosts joined by an underlay, each with a bridge, a VXLAN device and a container. Nothing tells them of each other's
 * containers yet.
 * @param options.vteps underlay address of each host; all of one family.
 */
export async function openVxlanHosts(options: {
  readonly vteps: readonly Ip[];
  readonly flood: boolean;
}): Promise<VxlanHosts> {
  await using stack = new AsyncDisposableStack();
  const underlay = stack.use(await openScratchNamespace());
  underlay.run('ip link add u0 type bridge mcast_snooping 0; ip link set u0 up');
  const hosts: VxlanHost[] = [];
  for (const [i, vtep] of options.vteps.entries()) {
    const host = stack.use(await openScratchNamespace());
    const inside = stack.use(await openScratchNamespace());
    connect(underlay, host, i + 1, vtep);
    const links = stack.use(await LinkLayer.open({ namespace: host.path, log: () => undefined }));
    const container = containerOf(i + 1);
    await links.apply(creations([BRIDGE, aVxlan({ local: vtep, flood: options.flood }), container.veth]));
    plug(host, inside, container);
    hosts.push({ host, inside, links, vtep, container, sent: () => sentFrom(host) });
  }
  const owned = stack.move();
  return { hosts, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

function connect(underlay: ScratchNamespace, host: ScratchNamespace, number: number, vtep: Ip): void {
  const isSix = vtep.includes(':');
  underlay.run(`ip link add p${number} type veth peer name eth0 netns ${host.pid}
    ip link set p${number} master u0 up`);
  host.run(
    `ip link set lo up; ip link set eth0 up; ip addr add ${vtep}/${isSix ? '64 nodad' : '24'} dev eth0`,
  );
}

function plug(host: ScratchNamespace, inside: ScratchNamespace, { veth, ipv4, ipv6 }: Container): void {
  host.run(`ip link set ${veth.peerName} netns ${inside.pid}`);
  inside.run(`ip link set lo up
    ip link set ${veth.peerName} name eth0
    ip addr add ${ipv4}/24 brd + dev eth0
    ip addr add ${ipv6}/64 dev eth0 nodad
    ip link set eth0 up
    sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0`);
}

function sentFrom(host: ScratchNamespace): number {
  const [link] = JSON.parse(host.run(`ip -j -s link show ${VXLAN_NAME}`)) as [
    { readonly stats64: { readonly tx: { readonly packets: number } } },
  ];
  return link.stats64.tx.packets;
}

export const NAMES: { readonly bridge: IfName; readonly vxlan: IfName } = {
  bridge: BRIDGE_NAME,
  vxlan: VXLAN_NAME,
};
