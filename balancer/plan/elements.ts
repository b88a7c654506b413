import type { Family, Ip } from '../../core/address.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import { nftFamily } from '../../core/kernel-objects.ts';
import type { Backend, Service, ServicePort } from '../../core/service.ts';
import { type Remembered, rememberChain } from './affinity.ts';
import { type Choice, type Mapping, pickMark } from './pick.ts';
import { ringOf } from './ring.ts';
import { sourceRingOf } from './source-ring.ts';
import { type Counted, VIP_TABLE } from './table.ts';

/** A backend as one family sees it. */
interface Reachable {
  readonly ip: Ip;
  readonly backend: Backend;
}

/** A service in one family. */
interface Served {
  readonly service: Service;
  readonly backends: readonly Reachable[];
  readonly counted: Counted;
}

const COUNTERS: Readonly<Record<Counted, readonly string[]>> = {
  nothing: [],
  connections: ['connections'],
  bytes: ['connections', 'traffic'],
};

/**
 * All elements of one service in both families. They depend on this service only; which of them change when a backend
 * does follows from comparing two plans. A service without a VIP in a family has none there.
 */
export function planService(
  service: Service,
  backends: readonly Backend[],
  counted: Counted,
): readonly ElementObject[] {
  return ([4, 6] as const).flatMap((family) => {
    const vip = family === 4 ? service.vip4 : service.vip6;
    return vip === undefined
      ? []
      : planFamily(family, vip, { service, backends: reachable(family, backends), counted });
  });
}

/** Whether a backend is given new connections. */
export function takesConnections(backend: Backend): boolean {
  return backend.state === 'ready' && backend.weight > 0;
}

/** In the order of their ids, each address once. */
function reachable(family: Family, backends: readonly Backend[]): readonly Reachable[] {
  const byAddress = new Map<Ip, Reachable>();
  for (const backend of backends.toSorted((a, b) => (a.endpoint < b.endpoint ? -1 : 1))) {
    const ip = family === 4 ? backend.ipv4 : backend.ipv6;
    const known = ip === undefined ? undefined : byAddress.get(ip);
    if (ip === undefined || (known && takesConnections(known.backend))) continue;
    byAddress.set(ip, { ip, backend });
  }
  return [...byAddress.values()];
}

function planFamily(
  family: Family,
  vip: Ip,
  { service, backends, counted }: Served,
): readonly ElementObject[] {
  const element = elementOf(family);
  const taking = backends.filter(({ backend }) => takesConnections(backend));
  const shared = [
    element('vips', [vip]),
    ...backends.flatMap(({ ip }) => COUNTERS[counted].map((set) => element(set, [vip, ip]))),
    ...planAffinity(element, vip, service),
  ];
  if (taking.length === 0) return shared;
  const { choice, ring } = chooseRing(service, taking);
  return [
    ...shared,
    ...ring.map((ip, slot) => element('ring', [vip, String(slot)], [ip])),
    ...planOffer(element, vip, service, choice),
  ];
}

/** What leads to the ring: ports and echo, or the whole address. */
function planOffer(
  element: ElementOf,
  vip: Ip,
  { ports, affinity }: Service,
  choice: Choice,
): readonly ElementObject[] {
  const pick = (mapping: Mapping): readonly string[] => [String(pickMark(mapping, choice))];
  if (ports.length === 0) return [element('addresses', [vip], pick('plain'))];
  const known = affinity?.timeoutSeconds !== undefined;
  return [
    element('echoes', [vip], pick('plain')),
    ...ports.flatMap((port) => {
      const key = [port.protocol, vip, String(port.port)];
      const mapped = isMapped(port);
      return [
        element('services', key, pick(mapped ? 'mapped' : 'plain')),
        // Known clients are told every port from here, which is also how they are kept from others.
        ...(mapped || known ? [element('targets', key, [String(port.target)])] : []),
      ];
    }),
  ];
}

function planAffinity(element: ElementOf, vip: Ip, { ports, affinity }: Service): readonly ElementObject[] {
  const seconds = affinity?.timeoutSeconds;
  if (seconds === undefined) return [];
  const known: Remembered = ports.length === 0 ? 'remembered-address' : 'remembered-port';
  return [
    element('known', [vip], [`jump ${known}`]),
    element('remembering', [vip], [`jump ${rememberChain(seconds)}`]),
  ];
}

function isMapped({ port, target }: ServicePort): boolean {
  return port !== target;
}

/** Backend addresses by slot, and how a slot is chosen. */
function chooseRing(
  { affinity }: Service,
  taking: readonly Reachable[],
): { readonly choice: Choice; readonly ring: readonly Ip[] } {
  const bySource = affinity !== undefined && affinity.timeoutSeconds === undefined;
  const slots = bySource
    ? sourceRingOf(taking.map(({ ip, backend }) => ({ name: ip, weight: backend.weight })))
    : ringOf(taking.map(({ backend }) => backend.weight));
  const ring = slots.flatMap((position) => taking[position]?.ip ?? []);
  return { choice: bySource ? 'source' : ring.length, ring };
}

type ElementOf = (set: string, key: readonly string[], data?: readonly string[]) => ElementObject;

function elementOf(family: Family): ElementOf {
  return (set, key, data) => ({
    kind: 'element',
    family: nftFamily(family),
    table: VIP_TABLE,
    set,
    key,
    ...(data && { data }),
  });
}
