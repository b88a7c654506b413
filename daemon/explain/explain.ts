import type { Explanation } from '../../core/control.ts';
import { addressesOf, addressText, type PathEnd } from './facts.ts';
import { candidates, type ExplainParts, gather } from './gather.ts';
import type { NamedWay } from './name-steps.ts';
import { pathSteps } from './path.ts';
import { matching, sendersNamed } from './resolve.ts';
import { resolveName } from './resolve-name.ts';
import { parseTarget, type Target } from './target.ts';

export type { ExplainParts } from './gather.ts';

/**
 * The way from an endpoint of this host to another; `to` may be a name or service, whose steps come first.
 * @throws {InvalidArgument} when `to` is not a name, id or address with a port or without.
 * @throws {NotFound} {Conflict} when one of the ends is not known, or not one.
 */
export async function explain(parts: ExplainParts, from: string, to: string): Promise<Explanation> {
  const target = parseTarget(to);
  const ends = candidates(parts);
  const senders = sendersNamed(ends, from);
  const isId = ends.some(({ id }) => id === target.ref);
  const known = (): boolean => matching(ends, target.ref).length > 0;
  const named = isId ? undefined : resolveName(parts, senders, target, known);
  const asked = target.port === undefined ? {} : { port: `${target.port.port}/${target.port.protocol}` };
  if (named !== undefined && named.end === undefined) {
    const [{ id, name = id.slice(0, 12) }] = senders;
    return { from: name, to: target.ref, ...asked, holds: false, steps: named.steps };
  }
  const facts = await gather(parts, from, targetOf(named, target));
  const steps = [...(named?.steps ?? []), ...pathSteps(facts)];
  const end = endText(facts.to);
  return {
    from: endText(facts.from),
    to: named === undefined || end.startsWith(`${target.ref} `) ? end : `${target.ref}, that is ${end}`,
    ...asked,
    holds: steps.every(({ state }) => state !== 'fail'),
    steps,
  };
}

/** The port of a service may be another one on its backends. */
function targetOf(named: NamedWay | undefined, target: Target): Target {
  if (named?.end === undefined) return target;
  const { endpoint, port } = named.end;
  return { ref: endpoint, ...(port === undefined ? {} : { port }) };
}

function endText(end: PathEnd): string {
  return end.kind === 'address' ? end.ip : `${end.label} (${addressText(addressesOf(end))})`;
}
