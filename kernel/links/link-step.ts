import { satisfies } from '../../core/diff.ts';
import { KernelError } from '../../core/errors.ts';
import type { BridgeLink, DummyLink, LinkObject, VethLink, VxlanLink } from '../../core/kernel-objects.ts';
import { DERIVED_NAME } from '../../core/names.ts';
import type { Step } from '../../core/ports.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import { type Action, existsError, linkAction } from './action.ts';
import { type ChildLink, childCanBecome, createChild, setUpChild } from './child-messages.ts';
import { makeDummy, setUpDummy } from './dummy.ts';
import { createBridge, createVeth, repairBridge, repairVeth, setUpBridge } from './link-messages.ts';
import { linkObject } from './link-object.ts';
import type { LinkTable } from './link-table.ts';
import { canBecome, createVxlan, repairVxlan } from './vxlan-messages.ts';
import { vniTaken } from './vxlan-taken.ts';

/** What it takes to make links. */
export interface LinkMaker {
  readonly transport: NetlinkTransport;
  readonly links: LinkTable;
  readonly hasIpv6: boolean;
}

/**
 * The link that must go before the step's can stand in its place: one of another kind, or a VXLAN device that the
 * kernel cannot turn into the wanted one.
 * @throws {KernelError} EEXIST when it has a name that weft did not derive, which belongs to the host.
 */
export function remadeLink(step: Step): LinkObject | undefined {
  const { object } = step;
  if (step.op !== 'replace' || object.kind !== 'link' || !mustGo(step.was as LinkObject, object))
    return undefined;
  if (!DERIVED_NAME.test(object.name)) throw existsError(object);
  return object;
}

function mustGo(was: LinkObject, wanted: LinkObject): boolean {
  if (was.type === 'foreign') return true;
  if (isChild(was) && isChild(wanted)) return !childCanBecome(was, wanted);
  return was.type === 'vxlan' && wanted.type === 'vxlan' && !canBecome(was, wanted);
}

function isChild(link: LinkObject): link is ChildLink {
  return link.type === 'macvlan' || link.type === 'ipvlan' || link.type === 'vlan';
}

/** How to make or correct a link; undefined when nothing need be done. @throws {KernelError} */
export async function linkStepAction(
  maker: LinkMaker,
  step: Step,
  object: LinkObject,
): Promise<Action | undefined> {
  const exists = step.op === 'replace' && remadeLink(step) === undefined;
  switch (object.type) {
    case 'veth':
      return vethAction(maker, step, object, exists);
    case 'vxlan':
      return vxlanAction(maker, step, object, exists);
    case 'bridge':
      return bridgeAction(maker, step, object, exists);
    case 'macvlan':
    case 'ipvlan':
    case 'vlan':
      return childAction(maker, step, object, exists);
    case 'dummy':
      return dummyAction(maker, step, object, exists);
    case 'foreign':
      return undefined;
  }
}

/** The creation goes alone, because its answer decides of which kind the device is. */
async function dummyAction(
  { transport, links, hasIpv6 }: LinkMaker,
  step: Step,
  object: DummyLink,
  exists: boolean,
): Promise<Action> {
  if (!exists) await makeDummy(transport, object);
  return linkAction(step, object, setUpDummy(object, hasIpv6), false, links);
}

async function childAction(
  { links, hasIpv6 }: LinkMaker,
  step: Step,
  object: ChildLink,
  exists: boolean,
): Promise<Action> {
  const settings = setUpChild(object, hasIpv6);
  if (exists) return linkAction(step, object, settings, false, links);
  const parent = await knownIndex(links, object.parent);
  if (parent === undefined) throw noLink(object.parent, `create ${object.type} ${object.name}`);
  // Others come and go behind our back, and their ifindexes with them.
  const request = createChild(object, parent);
  const action = linkAction(step, object, [request, ...settings], true, links);
  return { ...action, on: { dev: object.parent, index: parent } };
}

async function vethAction(
  { links, hasIpv6 }: LinkMaker,
  step: Step,
  object: VethLink,
  exists: boolean,
): Promise<Action> {
  const master = await masterOf(links, object);
  const requests = exists ? repairVeth(object, master, hasIpv6) : createVeth(object, master, hasIpv6);
  return linkAction(step, object, requests, !exists, links);
}

async function vxlanAction(
  { transport, links, hasIpv6 }: LinkMaker,
  step: Step,
  object: VxlanLink,
  exists: boolean,
): Promise<Action> {
  const master = await masterOf(links, object);
  if (exists) return linkAction(step, object, repairVxlan(object, master, hasIpv6), false, links);
  const action = linkAction(step, object, createVxlan(object, master, hasIpv6), true, links);
  return {
    ...action,
    judge: async (outcomes) => {
      const verdict = await action.judge(outcomes);
      return { ...verdict, ...(await vniTaken(transport, links, object, verdict.failure)) };
    },
  };
}

async function masterOf(links: LinkTable, object: VethLink | VxlanLink): Promise<number> {
  const master = await knownIndex(links, object.master);
  if (master === undefined) throw noLink(object.master, `create ${object.type} ${object.name}`);
  return master;
}

async function bridgeAction(
  maker: LinkMaker,
  step: Step,
  object: BridgeLink,
  exists: boolean,
): Promise<Action | undefined> {
  const { hasIpv6, links } = maker;
  const settings = (): Action => linkAction(step, object, setUpBridge(object, hasIpv6), false, links);
  if (object.adopted === true) return settings();
  if (exists && step.op === 'replace') {
    return linkAction(step, object, repairBridge(object, step.was, hasIpv6), false, links);
  }
  if (DERIVED_NAME.test(object.name)) {
    return linkAction(step, object, [createBridge(object), ...setUpBridge(object, hasIpv6)], true, links);
  }
  // Settings must not reach a bridge of the host's that has taken the name meanwhile, so the creation goes alone.
  return (await claimName(maker, object)) ? settings() : undefined;
}

/**
 * Creates a bridge whose name weft did not derive.
 * @returns false when it is there already as wanted.
 * @throws {KernelError} EEXIST when it is there and differs.
 */
async function claimName({ transport, links }: LinkMaker, object: BridgeLink): Promise<boolean> {
  const { step, ...request } = createBridge(object);
  try {
    await transport.request(request, step);
    return true;
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'EEXIST') throw error;
    const [found] = await links.read([object.name]);
    const is = found && linkObject(found, object, (index) => links.nameOf(index));
    if (is !== undefined && satisfies(object, is)) return false;
    throw existsError(object);
  }
}

/** The ifindex of a link, asked of the kernel when it is not known; undefined when there is none of this name. */
export async function knownIndex(links: LinkTable, name: string): Promise<number | undefined> {
  if (links.get(name) === undefined) await links.find([name]);
  return links.get(name);
}

export function noLink(name: string, step: string): KernelError {
  return new KernelError(`${step}: there is no link ${name} (ENODEV)`, { errno: 'ENODEV', step });
}
