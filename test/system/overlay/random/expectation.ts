import { holdersOf } from './lab-actions.ts';
import {
  type Addresses,
  isWhole,
  type Model,
  type Outcome,
  onNetwork,
  reachesStore,
  type Step,
} from './model.ts';

/** After a fault has ended, what it did may show in refusals for so long. */
export const AFTERMATH_MS = 25_000;

/** Refusals of hosts that cannot ask, or have not heard, others. */
const OUT_OF_TOUCH =
  /store|does not answer|did not answer|not known to the cluster|no such network|network \S+ not found|belongs to|in use|given away|not bound|no address block|etcd/i;

/**
 * What is wrong with what became of a step; undefined when nothing is.
 * @param before the cluster when it was done
 * @param sinceFault milliseconds since something was broken; 0: it is.
 */
export function unexpected(
  step: Step,
  outcome: Outcome,
  before: Model,
  sinceFault: number,
): string | undefined {
  const held = takenFrom(step, before);
  if (outcome.kind === 'done') {
    if (held.length > 0) return `it got an address that ${held.join(', ')} has`;
    return doubled(step, outcome.addresses ?? {}, before);
  }
  if (held.length > 0) return undefined;
  const { message } = outcome;
  const isTroubled = sinceFault < AFTERMATH_MS;
  if (!isTroubled || !OUT_OF_TOUCH.test(message)) return `refused: ${message}`;
  if (step.kind === 'create network' && isWhole(before) && sinceFault > 0 && sinceFault > AFTERMATH_MS)
    return `refused: ${message}`;
  if (step.kind === 'stop' || step.kind === 'kill' || step.kind === 'remove' || step.kind === 'disconnect')
    return `refused: ${message}`;
  return ownsBlocks(step, before) && /no address block/.test(message)
    ? `refused though its host gives addresses there: ${message}`
    : undefined;
}

/** The containers that have what a step asks for by name. */
function takenFrom(step: Step, model: Model): readonly string[] {
  switch (step.kind) {
    case 'run':
    case 'connect':
      return holdersOf(model, step.network, step.fixed);
    case 'start':
    case 'move':
      return Object.entries(model.containers[step.container]?.networks ?? {})
        .flatMap(([network, { fixed }]) => holdersOf(model, network, fixed))
        .filter((name) => name !== step.container);
    default:
      return [];
  }
}

/** An address that weft gave and somebody else has. */
function doubled(
  step: Step,
  addresses: Readonly<Record<string, Addresses>>,
  before: Model,
): string | undefined {
  if (!('container' in step)) return undefined;
  for (const [network, given] of Object.entries(addresses)) {
    for (const { name, addresses: has } of onNetwork(before, network)) {
      if (name === step.container) continue;
      const same = [given.ip, given.ip6, given.mac].find(
        (each) => each !== '' && [has.ip, has.ip6, has.mac].includes(each),
      );
      if (same !== undefined) return `it got ${same} of ${network}, which ${name} has`;
    }
  }
  return undefined;
}

/** Whether the host of a step has an address of its own blocks for sure: one that weft chose for it. */
function ownsBlocks(step: Step, model: Model): boolean {
  if (step.kind !== 'run' || step.fixed !== undefined || reachesStore(model, step.host)) return false;
  return onNetwork(model, step.network).some(
    ({ host, networks }) => host === step.host && networks[step.network]?.fixed === undefined,
  );
}
