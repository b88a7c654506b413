import { satisfies } from '../../core/diff.ts';
import type { IfName } from '../../core/ids.ts';
import type { DummyLink, LanLink, LinkObject, VlanLink } from '../../core/kernel-objects.ts';
import { type FakeLink, type FakeLinks, newLink, refusal } from './host-links.ts';

export type ChildLink = LanLink | VlanLink;

/** What a link on a parent is, beside what every link is. */
export type FakeChild = { readonly parent: string } & (
  | Pick<Extract<ChildLink, { readonly type: 'macvlan' }>, 'type' | 'mode'>
  | Pick<Extract<ChildLink, { readonly type: 'ipvlan' }>, 'type' | 'mode' | 'flag'>
  | Pick<VlanLink, 'type' | 'vlan'>
);

export function isChild(object: LinkObject): object is ChildLink {
  return object.type === 'macvlan' || object.type === 'ipvlan' || object.type === 'vlan';
}

/** As weft compares it; Docker has a link in a sandbox up or down as it likes. */
export function childObject(link: FakeLink, child: FakeChild, wanted: LinkObject | undefined): ChildLink {
  const { parent, ...settings } = child;
  const sandbox = wanted !== undefined && 'sandbox' in wanted ? { sandbox: wanted.sandbox } : {};
  return {
    kind: 'link',
    name: link.name as IfName,
    parent: parent as IfName,
    ...settings,
    alias: link.alias,
    ...(settings.type === 'vlan' ? {} : { mtu: link.mtu, ...sandbox }),
    ...(link.up ? {} : { down: true }),
  } as ChildLink;
}

/** @throws {KernelError} without a parent, or where another link has the name. */
export function createChild(links: FakeLinks, object: ChildLink): void {
  const step = `create ${object.type} ${object.name}`;
  const parent = links.get(object.parent);
  const found = links.get(object.name);
  if (parent === undefined || parent.away === true) throw refusal('ENODEV', step);
  const settled = childWith(found ?? { ...newLink(object.name, object.type), mtu: parent.mtu }, object);
  const wrong =
    found?.child === undefined ? undefined : !satisfies(object, childObject(settled, found.child, object));
  if (found !== undefined && wrong !== false) throw refusal('EEXIST', step);
  links.set(object.name, { ...settled, child: found?.child ?? settingsOf(object) });
}

export function childWith(link: FakeLink, object: ChildLink): FakeLink {
  const isSandboxes = object.type !== 'vlan' && object.sandbox !== undefined;
  const mtu = object.type === 'vlan' || object.mtu === undefined ? {} : { mtu: object.mtu };
  return { ...link, ...mtu, alias: object.alias, up: isSandboxes ? link.up : true };
}

/** Whether the kernel would have to make it again. */
export function isOtherChild({ child }: FakeLink, wanted: ChildLink): boolean {
  return JSON.stringify(child) !== JSON.stringify(settingsOf(wanted));
}

function settingsOf(object: ChildLink): FakeChild {
  const { parent } = object;
  if (object.type === 'vlan') return { parent, type: object.type, vlan: object.vlan };
  if (object.type === 'macvlan') return { parent, type: object.type, mode: object.mode };
  return { parent, type: object.type, mode: object.mode, flag: object.flag };
}

export function dummyObject({ name, mtu, alias, up }: FakeLink): DummyLink {
  return {
    kind: 'link',
    type: 'dummy',
    name: name as IfName,
    mtu,
    alias,
    ...(up ? {} : { down: true }),
  };
}

export function dummyWith(link: FakeLink, { alias, mtu }: DummyLink): FakeLink {
  return { ...link, alias, up: true, ...(mtu === undefined ? {} : { mtu }) };
}

/** @throws {KernelError} where a link of another kind has the name. */
export function createDummy(links: FakeLinks, object: DummyLink): void {
  const found = links.get(object.name);
  if (found !== undefined && found.kind !== 'dummy') throw refusal('EEXIST', `create dummy ${object.name}`);
  links.set(object.name, dummyWith(found ?? newLink(object.name, 'dummy'), object));
}
