import type {
  BridgeLink,
  DummyLink,
  HostState,
  KernelObject,
  LanLink,
  LinkObject,
  ObjectKey,
  VethLink,
  VlanLink,
  VxlanLink,
} from './kernel-objects.ts';
import type { Step } from './ports.ts';

/** Creation order of kinds: what comes later may need what came earlier. Deletion runs the other way. */
const RANK: Readonly<Record<KernelObject['kind'], number>> = {
  sysctl: 0,
  table: 1,
  link: 2,
  address: 3,
  neighbour: 4,
  fdb: 5,
  route: 6,
  element: 7,
  shortcut: 8,
};

/**
 * Steps that turn `actual` into `desired`: creations and replacements in rank order, then deletions in reverse, so
 * that nothing is missing while the new takes the place of the old. Stable: equal input gives equal output.
 */
export function diff(desired: HostState, actual: HostState): readonly Step[] {
  return differences(desired, (object) => object, actual);
}

/** As `diff`, where each desired object is part of something else. */
export function differences<Wanted>(
  desired: ReadonlyMap<ObjectKey, Wanted>,
  objectOf: (wanted: Wanted) => KernelObject,
  actual: HostState,
): readonly Step[] {
  const additions: Step[] = [];
  const deletions: Step[] = [];
  for (const [key, wanted] of desired) {
    const object = objectOf(wanted);
    const was = actual.get(key);
    if (was === undefined) additions.push({ op: 'create', object });
    else if (!satisfies(object, was)) additions.push({ op: 'replace', object, was });
  }
  for (const [key, object] of actual) {
    if (!desired.has(key)) deletions.push({ op: 'delete', object });
  }
  return [...inRankOrder(additions), ...inRankOrder(deletions).reverse()];
}

/** Steps that create objects which are known to be absent. */
export function creations(objects: readonly KernelObject[]): readonly Step[] {
  return inRankOrder(objects.map((object): Step => ({ op: 'create', object })));
}

/** Steps that delete objects, last-created first. */
export function deletions(objects: readonly KernelObject[]): readonly Step[] {
  return inRankOrder(objects.map((object): Step => ({ op: 'delete', object }))).reverse();
}

const FEW = 100;

/** A new list; stable. There may be a hundred thousand steps of nine ranks, so they are dealt out, not compared. */
function inRankOrder(steps: readonly Step[]): Step[] {
  if (steps.length < FEW) return steps.toSorted((a, b) => RANK[a.object.kind] - RANK[b.object.kind]);
  const ranks: Step[][] = Object.keys(RANK).map(() => []);
  for (const step of steps) ranks[RANK[step.object.kind]]?.push(step);
  return ranks.flat();
}

/**
 * Whether what is there serves as what is wanted, both being of one key. A field that `wanted` leaves open may have any value; what an
 * adopted bridge had before is its owner's business.
 */
export function satisfies(wanted: KernelObject, found: KernelObject): boolean {
  if (wanted.kind === 'link') return found.kind === 'link' && linkSatisfies(wanted, found);
  switch (wanted.kind) {
    case 'neighbour':
      return found.kind === 'neighbour' && wanted.mac === found.mac;
    case 'fdb':
      return found.kind === 'fdb';
    case 'shortcut':
      return found.kind === 'shortcut' && found.altered !== true && wanted.set === found.set;
    case 'address':
    case 'route':
    case 'sysctl':
      return sameFields(wanted, found);
    case 'table':
      return found.kind === 'table' && found.fingerprint === wanted.fingerprint;
    case 'element':
      return found.kind === 'element' && sameList(wanted.data, found.data);
  }
}

function linkSatisfies(wanted: LinkObject, found: LinkObject): boolean {
  switch (wanted.type) {
    case 'bridge':
      return found.type === 'bridge' && bridgeSatisfies(wanted, found);
    case 'veth':
      return found.type === 'veth' && vethSatisfies(wanted, found);
    case 'vxlan':
      return found.type === 'vxlan' && vxlanSatisfies(wanted, found);
    case 'dummy':
      return found.type === 'dummy' && dummySatisfies(wanted, found);
    case 'macvlan':
    case 'ipvlan':
    case 'vlan':
      return childSatisfies(wanted, found);
    case 'foreign':
      return false;
  }
}

function childSatisfies(wanted: LanLink | VlanLink, found: LinkObject): boolean {
  switch (wanted.type) {
    case 'macvlan':
      return found.type === 'macvlan' && sharesPlace(wanted, found) && wanted.mode === found.mode;
    case 'ipvlan':
      return (
        found.type === 'ipvlan' &&
        sharesPlace(wanted, found) &&
        wanted.mode === found.mode &&
        wanted.flag === found.flag
      );
    case 'vlan':
      return found.type === 'vlan' && sharesPlace(wanted, found) && wanted.vlan === found.vlan;
  }
}

function dummySatisfies(wanted: DummyLink, found: DummyLink): boolean {
  return found.down !== true && open(wanted.mtu, found.mtu) && wanted.alias === found.alias;
}

/** A link that is a sandbox's is brought up by Docker. */
function sharesPlace(wanted: LanLink | VlanLink, found: LanLink | VlanLink): boolean {
  const isSandboxes = wanted.type !== 'vlan' && wanted.sandbox !== undefined;
  const runs = isSandboxes || found.down !== true;
  return runs && wanted.alias === found.alias && wanted.parent === found.parent;
}

function bridgeSatisfies(wanted: BridgeLink, found: BridgeLink): boolean {
  if (found.down === true) return false;
  if (wanted.routeLocalnet === true && found.routeLocalnet !== true) return false;
  if (wanted.adopted === true) return true;
  return open(wanted.mtu, found.mtu) && open(wanted.mac, found.mac) && wanted.alias === found.alias;
}

function vethSatisfies(wanted: VethLink, found: VethLink): boolean {
  return (
    found.down !== true &&
    open(wanted.mtu, found.mtu) &&
    wanted.alias === found.alias &&
    wanted.master === found.master &&
    wanted.isolated === found.isolated &&
    wanted.hairpin === found.hairpin &&
    (wanted.group ?? 0) === (found.group ?? 0)
  );
}

function vxlanSatisfies(wanted: VxlanLink, found: VxlanLink): boolean {
  return (
    found.down !== true &&
    found.altered !== true &&
    open(wanted.mtu, found.mtu) &&
    wanted.vni === found.vni &&
    wanted.local === found.local &&
    wanted.port === found.port &&
    wanted.alias === found.alias &&
    wanted.master === found.master &&
    wanted.flood === found.flood &&
    (wanted.group ?? 0) === (found.group ?? 0)
  );
}

function open<Value>(wanted: Value | undefined, found: Value | undefined): boolean {
  return wanted === undefined || wanted === found;
}

function sameFields(a: KernelObject, b: KernelObject): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(object: KernelObject): readonly (readonly [string, unknown])[] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}

function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return (a ?? []).join('\0') === (b ?? []).join('\0');
}
