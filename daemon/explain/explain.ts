import type { Explanation } from '../../core/control.ts';
import { addressesOf, addressText, type PathEnd } from './facts.ts';
import { type ExplainParts, gather } from './gather.ts';
import { pathSteps } from './path.ts';
import { parseTarget } from './target.ts';

export type { ExplainParts } from './gather.ts';

/**
 * The way from an endpoint of this host to another.
 * @throws {InvalidArgument} when `to` is not NAME, ID or ADDRESS with a port or without.
 * @throws {NotFound} {Conflict} when one of the ends is not known, or not one.
 */
export async function explain(parts: ExplainParts, from: string, to: string): Promise<Explanation> {
  const target = parseTarget(to);
  const facts = await gather(parts, from, target);
  const steps = pathSteps(facts);
  return {
    from: endText(facts.from),
    to: endText(facts.to),
    ...(target.port === undefined ? {} : { port: `${target.port.port}/${target.port.protocol}` }),
    holds: steps.every(({ state }) => state !== 'fail'),
    steps,
  };
}

function endText(end: PathEnd): string {
  return end.kind === 'address' ? end.ip : `${end.label} (${addressText(addressesOf(end))})`;
}
