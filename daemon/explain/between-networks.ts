import { type Family, familyOf } from '../../core/address.ts';
import type { ExplainStep } from '../../core/control.ts';
import { type ElementObject, type KernelObject, nftFamily } from '../../core/kernel-objects.ts';
import { addressesOf, type HostFacts, type LocalEnd, type NetworkSide, type RemoteEnd } from './facts.ts';
import { describe, fails, holds, kernelStep, notes } from './steps.ts';
import type { AskedPort } from './target.ts';

/** Out of a network by its gateway: addresses, forwarding, and whether it may leave at all. */
export function leavingSteps(
  { side, label }: LocalEnd,
  families: readonly Family[],
  host: HostFacts,
): readonly ExplainStep[] {
  const gateways = side.plan.filter(
    (each) => each.kind === 'address' && families.includes(familyOf(each.address.ip)),
  );
  const switches = families.map(
    (family): KernelObject => ({ kind: 'sysctl', path: forwardingOf(family), value: '1' }),
  );
  return [
    ...kernelStep(
      'gateway',
      `the bridge of network ${side.label} has its gateway address`,
      gateways,
      host.kernel,
    ),
    ...kernelStep('forwarding', 'this host forwards', switches, host.kernel),
    ...(side.network.request.internal
      ? [
          fails('leaving', `${label} may leave network ${side.label}`, {
            intent: `network ${side.label} is internal: nothing leaves it`,
            remedy: `docker network connect a network that is not internal`,
          }),
        ]
      : []),
  ];
}

/** Sysctl of a family's forwarding. */
export function forwardingOf(family: Family): string {
  return family === 4 ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding';
}

/** Into the network of the other end, from outside its bridge. */
export function enteringSteps(
  from: LocalEnd,
  to: LocalEnd | RemoteEnd,
  side: NetworkSide,
  way: {
    readonly families: readonly Family[];
    readonly port: AskedPort | undefined;
    readonly host: HostFacts;
  },
): readonly ExplainStep[] {
  const { families, port, host } = way;
  const rules = families.flatMap((family) => entering(side.plan, family));
  const title = `network ${side.label} lets packets of network ${from.side.label} in`;
  const barrier = rules.map((rule) => barrierOf(rule, side, to, port)).find((each) => each !== undefined);
  if (barrier !== undefined) {
    return [
      fails('entering', title, {
        intent: barrier,
        found: rules.map((rule) => describeOrMissing(rule, host)).join('; '),
        remedy: remedyOf(from, to, side),
      }),
    ];
  }
  return [...kernelStep('entering', title, rules, host.kernel), ...answerStep(from, to)];
}

function entering(plan: readonly KernelObject[], family: Family): readonly ElementObject[] {
  return plan.filter(
    (each): each is ElementObject =>
      each.kind === 'element' && each.set === 'entering' && each.family === nftFamily(family),
  );
}

/** Why a packet of another weft network is dropped; undefined when it is not. */
function barrierOf(
  rule: ElementObject,
  side: NetworkSide,
  to: LocalEnd | RemoteEnd,
  port: AskedPort | undefined,
): string | undefined {
  const verdict = rule.data?.[0] ?? '';
  if (verdict === 'drop') return `network ${side.label} is internal: nothing enters it`;
  if (!verdict.endsWith('-isolated')) return undefined;
  if (verdict === 'jump routed-isolated' && port !== undefined && isOpened(to, port)) return undefined;
  return `network ${side.label} is isolated from other weft networks, published ports apart`;
}

function isOpened(to: LocalEnd | RemoteEnd, { port, protocol }: AskedPort): boolean {
  const ips: readonly (string | undefined)[] = Object.values(addressesOf(to));
  return to.plan.some(
    (each) =>
      each.kind === 'element' &&
      each.set === 'opened' &&
      each.key[0] === protocol &&
      ips.includes(each.key[1]) &&
      each.key[2] === String(port),
  );
}

function describeOrMissing(rule: ElementObject, { kernel }: HostFacts): string {
  const found = [...kernel.values()].find(
    (each) =>
      each.kind === 'element' &&
      each.family === rule.family &&
      each.set === rule.set &&
      each.key.join() === rule.key.join(),
  );
  return found === undefined ? `no ${describe(rule)}` : describe(found);
}

function remedyOf(from: LocalEnd, to: LocalEnd | RemoteEnd, side: NetworkSide): string {
  const connect = `docker network connect ${side.label} ${from.label}`;
  const published = to.kind === 'local' ? to.endpoint.published[0] : undefined;
  const reach =
    published === undefined
      ? ''
      : `; or use its published port, ${published.hostPort}/${published.protocol}, on an address of this host`;
  return `${connect}${reach}; or make network ${side.label} with weft.isolate=false`;
}

/**
 * Packets that leave a network carry the address of the bridge they enter by, which on an overlay is the gateway's on
 * every host: the answer of a container elsewhere goes to its own host.
 */
function answerStep(from: LocalEnd, to: LocalEnd | RemoteEnd): readonly ExplainStep[] {
  if (to.kind === 'local') return [];
  const title = `answers of ${to.label} come back to this host`;
  const hides = from.side.plan.some((each) => each.kind === 'element' && each.set === 'masqueraded');
  return hides
    ? [
        fails('answers', title, {
          found: `they go to the gateway on node ${to.node.name}, which is that node itself`,
          remedy: `docker network connect ${to.side?.label ?? to.remote.network} ${from.label}`,
        }),
      ]
    : [
        notes('answers', title, {
          found: `node ${to.node.name} must have a way back to network ${from.side.label}`,
        }),
      ];
}

/** A container in the same network, behind ports that are kept from each other. */
export function isolatedPortsStep(from: LocalEnd, to: LocalEnd): readonly ExplainStep[] {
  const quiet = [...from.plan, ...to.plan].filter(
    (each) => each.kind === 'link' && each.type === 'veth' && each.isolated,
  );
  const title = `containers of network ${from.side.label} may talk to each other`;
  if (quiet.length === 0) return [holds('icc', title)];
  return [
    fails('icc', title, {
      intent: 'com.docker.network.bridge.enable_icc=false: they may not',
      remedy: `publish a port of ${to.label}, or make the network without that option`,
    }),
  ];
}
