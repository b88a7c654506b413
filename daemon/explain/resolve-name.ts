import type { NameRecord, NamingView } from '../../core/naming.ts';
import type { ExplainParts } from './gather.ts';
import { type NamedWay, nameSteps, type ResolverFacts } from './name-steps.ts';
import { type NamedThing, thingNamed } from './named-target.ts';
import type { Candidate } from './resolve.ts';
import { fails } from './steps.ts';
import { addressOf, type Target } from './target.ts';

/**
 * Where a target leads that is a name or a virtual IP: by the sender's networks in their order, as the resolver looks.
 * @param senders endpoints of the container that sends.
 * @param others whether anything else has what was asked for as the start of its id, its name or its address.
 * @returns undefined when weft has no such name, or it is not the way to take.
 */
export function resolveName(
  parts: ExplainParts,
  senders: readonly Candidate[],
  target: Target,
  others: () => boolean,
): NamedWay | undefined {
  const { discovery, shared } = parts;
  if (discovery === undefined) return undefined;
  const naming = discovery.naming.view;
  const ip = addressOf(target.ref);
  const asked = ip === undefined ? { name: target.ref } : { ip };
  for (const sender of senders) {
    const network = keyOf(parts, sender);
    const thing = thingNamed(naming, network, asked);
    if (thing === undefined) continue;
    return nameSteps({
      naming,
      ref: target.ref,
      thing,
      label: labelOf(parts, network),
      port: target.port,
      sender: sender.id as NameRecord['endpoint'],
      ...(ip === undefined ? { resolver: resolverFacts(discovery) } : {}),
      node: shared.node.name,
    });
  }
  return others() ? undefined : elsewhere(parts, senders, naming, target, asked);
}

/** A name of networks that the sender is not on. */
function elsewhere(
  parts: ExplainParts,
  senders: readonly Candidate[],
  naming: NamingView,
  { ref }: Target,
  asked: Parameters<typeof thingNamed>[2],
): NamedWay | undefined {
  const things = [...naming.networks()].flatMap((network): NamedThing[] => {
    const thing = thingNamed(naming, network, asked);
    return thing === undefined ? [] : [thing];
  });
  const [first] = things;
  const [sender] = senders;
  if (first === undefined || sender === undefined) return undefined;
  const own = sender.name ?? sender.id.slice(0, 12);
  const on = things.map(({ network }) => labelOf(parts, network)).join(', ');
  const mine = senders.map((each) => labelOf(parts, keyOf(parts, each))).join(', ');
  const found = `${ref} is on network ${on}; ${own} is on ${mine}`;
  const remedy = `docker network connect ${labelOf(parts, first.network)} ${own}`;
  return { steps: [fails('name', `${ref} is on a network of ${own}`, { found, remedy })] };
}

function resolverFacts({ resolver }: NonNullable<ExplainParts['discovery']>): ResolverFacts {
  if (resolver === undefined) return 'off';
  return resolver.status.process === undefined ? 'gone' : 'on';
}

/** The key of a sender's network among names. */
function keyOf({ repository }: ExplainParts, { network }: Candidate): string {
  for (const { request, tunnel } of repository.networks()) {
    if (request.id === network) return tunnel?.name ?? network;
  }
  return network;
}

/** What Docker calls a network here; its key where it is not here. */
function labelOf({ repository, names }: ExplainParts, key: string): string {
  for (const { request, tunnel } of repository.networks()) {
    if (tunnel?.name === key || request.id === key) return names.network(request.id) ?? key.slice(0, 12);
  }
  return key;
}
