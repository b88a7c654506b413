import { formatIfAddress } from '../../core/address.ts';
import type { ExplainStep } from '../../core/control.ts';
import { satisfies } from '../../core/diff.ts';
import { type HostState, type KernelObject, keyOf, type LinkObject } from '../../core/kernel-objects.ts';

const REPAIR =
  'weftd repairs this within seconds. If it stays so: the log of weftd; if it comes back: weft drift, for another program changes it';

/** A step that is so by what is stored. */
export function holds(id: string, title: string, more: Partial<ExplainStep> = {}): ExplainStep {
  return { id, title, state: 'ok', ...more };
}

/** A step that is not so, and no kernel state could mend it. */
export function fails(id: string, title: string, more: Partial<ExplainStep> = {}): ExplainStep {
  return { id, title, state: 'fail', ...more };
}

/** Something to know that is neither. */
export function notes(id: string, title: string, more: Partial<ExplainStep> = {}): ExplainStep {
  return { id, title, state: 'note', ...more };
}

/** Whether the kernel has what intent requires; nothing to say where it requires nothing. */
export function kernelStep(
  id: string,
  title: string,
  wanted: readonly KernelObject[],
  kernel: HostState,
): readonly ExplainStep[] {
  if (wanted.length === 0) return [];
  const wrong = wanted.filter((each) => {
    const found = kernel.get(keyOf(each));
    return found === undefined || !satisfies(each, found);
  });
  const shown = wrong.length === 0 ? wanted : wrong;
  const step = {
    id,
    title,
    intent: shown.map(describe).join('; '),
    found: shown.map((each) => describeFound(each, kernel)).join('; '),
  };
  return wrong.length === 0 ? [holds(id, title, step)] : [fails(id, title, { ...step, remedy: REPAIR })];
}

function describeFound(wanted: KernelObject, kernel: HostState): string {
  const found = kernel.get(keyOf(wanted));
  if (found !== undefined) {
    const text = describe(found);
    return satisfies(wanted, found) || text !== describe(wanted) ? text : `${text}, with other settings`;
  }
  const instead =
    wanted.kind === 'fdb' && wanted.destination !== undefined
      ? otherEntries(wanted.dev, wanted.mac, kernel)
      : [];
  return instead.length === 0 ? `no ${keyOf(wanted).trim()}` : instead.map(describe).join(', ');
}

function otherEntries(dev: string, mac: string, kernel: HostState): readonly KernelObject[] {
  return [...kernel.values()].filter(
    (each) => each.kind === 'fdb' && each.dev === dev && each.mac === mac && each.destination !== undefined,
  );
}

/** A kernel object in a few words. */
export function describe(object: KernelObject): string {
  switch (object.kind) {
    case 'link':
      return describeLink(object);
    case 'address':
      return `${formatIfAddress(object.address)} on ${object.dev}`;
    case 'neighbour':
      return `${object.ip} has ${object.mac} on ${object.dev}`;
    case 'fdb':
      return object.destination === undefined
        ? `${object.mac} is behind port ${object.dev}`
        : `${object.dev} sends ${object.mac} to ${object.destination}`;
    case 'shortcut':
      return `${object.dev} has a way past the bridge`;
    case 'sysctl':
      return `${object.path.replaceAll('/', '.')} = ${object.value}`;
    case 'element':
      return `${object.family} ${object.table} ${object.set}: ${object.key.join(' . ')}${
        object.data === undefined ? '' : ` : ${object.data.join(' . ')}`
      }`;
    case 'route':
    case 'table':
      return keyOf(object);
  }
}

function describeLink(link: LinkObject): string {
  if (link.type === 'foreign') return `${link.name} is ${link.found}`;
  const state = link.down === true ? 'down' : 'up';
  const mtu = !('mtu' in link) || link.mtu === undefined ? '' : `, MTU ${link.mtu}`;
  switch (link.type) {
    case 'bridge':
      return `bridge ${link.name}, ${state}${mtu}`;
    case 'veth':
      return `${link.name}, ${state}, port of ${link.master}${mtu}`;
    case 'vxlan':
      return `${link.name}, ${state}, port of ${link.master}, VNI ${link.vni}, from ${link.local}, UDP port ${link.port}${mtu}`;
    case 'macvlan':
      return `${link.name}, macvlan on ${link.parent}, mode ${link.mode}${mtu}`;
    case 'ipvlan':
      return `${link.name}, ipvlan on ${link.parent}, mode ${link.mode} ${link.flag}${mtu}`;
    case 'dummy':
      return `${link.name}, ${state}${mtu}, leads nowhere`;
    case 'vlan':
      return `${link.name}, ${state}, VLAN ${link.vlan} of ${link.parent}`;
  }
}
