import { familyOf, type Ip } from '../../core/address.ts';
import { satisfies } from '../../core/diff.ts';
import { KernelError } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { BridgeLink, LinkObject, VethLink, VxlanLink } from '../../core/kernel-objects.ts';
import { DERIVED_NAME, derivedMac } from '../../core/names.ts';
import {
  childObject,
  childWith,
  createChild,
  createDummy,
  dummyObject,
  dummyWith,
  type FakeChild,
  isChild,
  isOtherChild,
} from './host-children.ts';

/** A link as the kernel of a test has it. `kind` is IFLA_INFO_KIND. */
export interface FakeLink {
  readonly name: string;
  readonly kind: string;
  readonly mtu: number;
  readonly mac: Mac;
  readonly alias: string;
  readonly up: boolean;
  readonly routeLocalnet: boolean;
  /** Name of the bridge it is a port of; empty: none. */
  readonly master: string;
  readonly isolated: boolean;
  readonly hairpin: boolean;
  readonly group: number;
  /** The other end of a pair while it is in this namespace. */
  readonly peer?: string;
  /** Of a VXLAN device. `altered`: somebody changed a setting that all of weft's share. */
  readonly tunnel?: FakeTunnel;
  /** Of a link on a parent. */
  readonly child?: FakeChild;
  /** Docker has moved it into a sandbox. */
  readonly away?: true;
}

export interface FakeTunnel {
  readonly vni: number;
  readonly local: Ip;
  readonly port: number;
  readonly flood: boolean;
  readonly altered?: true;
}

/** Links by name. */
export type FakeLinks = Map<string, FakeLink>;

const NEW_LINK: Omit<FakeLink, 'name' | 'kind' | 'mac'> = {
  mtu: 1500,
  alias: '',
  up: false,
  routeLocalnet: false,
  master: '',
  isolated: false,
  hairpin: false,
  group: 0,
};

/** A link of the host's own, down and without settings. */
export function newLink(name: string, kind: string): FakeLink {
  return { ...NEW_LINK, name, kind, mac: derivedMac(name) };
}

export function refusal(errno: string, step: string): KernelError {
  return new KernelError(`${step}: ${errno}`, { errno, step });
}

/** Whether a link is weft's by name or alias. */
export function isOwned({ name, alias }: FakeLink): boolean {
  return !name.startsWith('wc-') && (alias.startsWith('weft:') || DERIVED_NAME.test(name));
}

/** A link as weft compares it: what its host end does not show is taken from `wanted`. */
export function linkObjectOf(link: FakeLink, wanted: LinkObject | undefined): LinkObject {
  const name = link.name as IfName;
  const fits = wanted === undefined || wanted.type === link.kind;
  if (link.kind === 'bridge' && fits) return bridgeObject(link, wanted);
  if (link.kind === 'veth' && fits) return vethObject(link, wanted);
  if (link.kind === 'vxlan' && link.tunnel !== undefined && fits) return vxlanObject(link, link.tunnel);
  if (link.kind === 'dummy' && fits) return dummyObject(link);
  if (link.child !== undefined && fits) return childObject(link, link.child, wanted);
  return { kind: 'link', type: 'foreign', name, found: link.kind };
}

function vxlanObject(link: FakeLink, tunnel: FakeTunnel): VxlanLink {
  return {
    kind: 'link',
    type: 'vxlan',
    name: link.name as IfName,
    ...tunnel,
    ...groupOf(link),
    mtu: link.mtu,
    alias: link.alias,
    master: link.master as IfName,
    ...(link.up ? {} : { down: true }),
  };
}

function bridgeObject(link: FakeLink, wanted: LinkObject | undefined): BridgeLink {
  const mine = wanted?.type === 'bridge' ? wanted : undefined;
  return {
    kind: 'link',
    type: 'bridge',
    name: link.name as IfName,
    mtu: link.mtu,
    mac: link.mac,
    alias: mine?.adopted === true ? mine.alias : link.alias,
    ...(mine?.adopted === true ? { adopted: true } : {}),
    ...(link.routeLocalnet ? { routeLocalnet: true } : {}),
    ...(mine?.ipv6 === true ? { ipv6: true } : {}),
    ...(link.up ? {} : { down: true }),
  };
}

function groupOf({ group }: FakeLink): { readonly group?: number } {
  return group === 0 ? {} : { group };
}

function vethObject(link: FakeLink, wanted: LinkObject | undefined): VethLink {
  const mine = wanted?.type === 'veth' ? wanted : undefined;
  return {
    kind: 'link',
    type: 'veth',
    name: link.name as IfName,
    peerName: mine?.peerName ?? ((link.peer ?? link.name.replace(/^wv-/, 'wc-')) as IfName),
    ...(mine?.peerMac === undefined ? {} : { peerMac: mine.peerMac }),
    mtu: link.mtu,
    alias: link.alias,
    master: link.master as IfName,
    isolated: link.isolated,
    hairpin: link.hairpin,
    ...groupOf(link),
    ...(link.up ? {} : { down: true }),
  };
}

/** Makes a link, or gives one of the same name that is fit for it its settings. @throws {KernelError} */
export function createLink(links: FakeLinks, object: LinkObject): void {
  if (object.type === 'foreign') return;
  if (object.type === 'bridge') createBridge(links, object);
  else if (object.type === 'veth') createVeth(links, object);
  else if (isChild(object)) createChild(links, object);
  else if (object.type === 'dummy') createDummy(links, object);
  else createVxlan(links, object);
}

function createBridge(links: FakeLinks, object: BridgeLink): void {
  const step = `create bridge ${object.name}`;
  const found = links.get(object.name);
  if (object.adopted === true) {
    if (found === undefined) throw refusal('ENODEV', step);
    links.set(object.name, bridgeWith(found, object));
    return;
  }
  if (found === undefined) {
    const mac = object.mac ?? derivedMac(object.name);
    links.set(object.name, bridgeWith({ ...newLink(object.name, 'bridge'), mac }, object));
    return;
  }
  settleExisting(links, object, found, bridgeWith(found, object), step);
}

function bridgeWith(link: FakeLink, object: BridgeLink): FakeLink {
  return {
    ...link,
    up: true,
    ...(object.adopted === true ? {} : { alias: object.alias, mtu: object.mtu ?? link.mtu }),
    ...(object.routeLocalnet === true ? { routeLocalnet: true } : {}),
  };
}

function createVeth(links: FakeLinks, object: VethLink): void {
  const step = `create veth ${object.name}`;
  if (!links.has(object.master)) throw refusal('ENODEV', step);
  const found = links.get(object.name);
  if (found !== undefined) {
    settleExisting(links, object, found, vethWith(found, object), step);
    return;
  }
  if (links.has(object.peerName)) throw refusal('EEXIST', step);
  const mtu = object.mtu ?? 1500;
  const made = { ...newLink(object.name, 'veth'), mtu, master: object.master, peer: object.peerName };
  links.set(object.name, vethWith(made, object));
  links.set(object.peerName, {
    ...newLink(object.peerName, 'veth'),
    mtu,
    mac: object.peerMac ?? derivedMac(object.peerName),
    peer: object.name,
  });
}

function vethWith(link: FakeLink, object: VethLink): FakeLink {
  const { alias, isolated, hairpin, group = 0 } = object;
  return { ...link, up: true, alias, isolated, hairpin, group };
}

function createVxlan(links: FakeLinks, object: VxlanLink): void {
  const step = `create vxlan ${object.name}`;
  if (!links.has(object.master)) throw refusal('ENODEV', step);
  const found = links.get(object.name);
  if (found !== undefined) {
    settleExisting(links, object, found, vxlanWith(found, object), step);
    return;
  }
  if ([...links.values()].some(({ tunnel }) => tunnel !== undefined && isSameTunnel(tunnel, object))) {
    throw refusal('EEXIST', step);
  }
  const { vni, local, port, flood, master, mtu = 1500 } = object;
  const made = { ...newLink(object.name, 'vxlan'), mtu, master, tunnel: { vni, local, port, flood } };
  links.set(object.name, vxlanWith(made, object));
}

/** Whether the kernel takes two devices for one, or can turn one into the other. */
function isSameTunnel(a: FakeTunnel, b: FakeTunnel | VxlanLink): boolean {
  return a.vni === b.vni && a.port === b.port && familyOf(a.local) === familyOf(b.local);
}

function vxlanWith(link: FakeLink, { alias, flood, group = 0 }: VxlanLink): FakeLink {
  if (link.tunnel === undefined) return { ...link, up: true, alias };
  const { altered: _altered, ...tunnel } = link.tunnel;
  return { ...link, up: true, alias, group, tunnel: { ...tunnel, flood } };
}

/** Settings reach a link only under a name that weft derives; what is not as wanted after them is in the way. */
function settleExisting(
  links: FakeLinks,
  object: LinkObject,
  found: FakeLink,
  settled: FakeLink,
  step: string,
): void {
  const fits = found.kind === object.type;
  const after = fits && DERIVED_NAME.test(object.name) ? settled : found;
  if (!satisfies(object, linkObjectOf(after, object))) throw refusal('EEXIST', step);
  links.set(object.name, after);
}

/** Corrects a link; a foreign one is replaced where the name is weft's. @throws {KernelError} */
export function replaceLink(links: FakeLinks, object: LinkObject, was: LinkObject): void {
  const found = links.get(object.name);
  if (was.type === 'foreign' || isRemade(found, object)) {
    if (!DERIVED_NAME.test(object.name)) throw refusal('EEXIST', `create ${object.type} ${object.name}`);
    deleteLink(links, object.name);
    createLink(links, object);
    return;
  }
  if (object.type === 'foreign') return;
  if (found === undefined) throw refusal('ENODEV', `correct ${object.type} ${object.name}`);
  if (object.type === 'bridge') {
    const own = object.adopted === true ? {} : { mac: object.mac ?? found.mac };
    links.set(object.name, bridgeWith({ ...found, ...own }, object));
    return;
  }
  if (isChild(object) || object.type === 'dummy') {
    links.set(object.name, isChild(object) ? childWith(found, object) : dummyWith(found, object));
    return;
  }
  if (!links.has(object.master)) throw refusal('ENODEV', `correct ${object.type} ${object.name}`);
  const { master } = object;
  const moved = { ...found, master, mtu: object.mtu ?? found.mtu };
  if (object.type === 'veth') links.set(object.name, vethWith(moved, object));
  else if (moved.tunnel !== undefined) {
    const tunnel = { ...moved.tunnel, local: object.local };
    links.set(object.name, vxlanWith({ ...moved, tunnel }, object));
  }
}

/** A device that is made again, without what stood on it, because it cannot become the wanted one. */
export function isRemade(found: FakeLink | undefined, wanted: LinkObject): boolean {
  if (isChild(wanted)) return found?.child !== undefined && isOtherChild(found, wanted);
  return wanted.type === 'vxlan' && found?.tunnel !== undefined && !isSameTunnel(found.tunnel, wanted);
}

/** Deletes a link, the other end of a pair and its place under a bridge. @returns the names that went. */
export function deleteLink(links: FakeLinks, name: string): readonly string[] {
  const link = links.get(name);
  if (link === undefined) return [];
  const gone = [name, ...(link.peer === undefined ? [] : [link.peer])];
  for (const each of gone) links.delete(each);
  for (const { name: on, child } of [...links.values()]) {
    if (child !== undefined && gone.includes(child.parent)) gone.push(...deleteLink(links, on));
  }
  for (const port of links.values()) {
    if (gone.includes(port.master)) {
      links.set(port.name, { ...port, master: '', isolated: false, hairpin: false });
    }
  }
  return gone;
}
