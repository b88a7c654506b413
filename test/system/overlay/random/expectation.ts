import { holdersOf } from './fixed-addresses.ts';
import { type Model, type Outcome, onNetwork, reachesStore, type Step } from './model.ts';

/** After a fault has ended, what it did may show in refusals for so long. */
const AFTERMATH_MS = 25_000;

/** Refusals of hosts that cannot ask, or have not heard, others. */
const OUT_OF_TOUCH =
  /store|does not answer|did not answer|not known to the cluster|no such network|network \S+ not found|not in use, or not known|in use, or not known|given away|with name \S+ already exists|etcd/i;
/** Refusals of an address that somebody has, or had a moment ago. */
const TAKEN = /in use|belongs to|given away/i;
/** Refusals by a weftd that has died meanwhile. */
const DIED = /plugin|connection|EOF|socket|dial unix|Post /i;
/** What Docker does without asking anybody, and a weftd that runs must not hinder. */
const UNCONDITIONAL = ['stop', 'kill', 'remove', 'disconnect'];

export interface Done {
  readonly step: Step;
  readonly outcome: Outcome;
}

/**
 * What is wrong with what became of a step; undefined when nothing is.
 * @param meanwhile what was done at the same time
 * @param before the cluster when it was done
 * @param after the cluster when all of that was done
 * @param sinceFault milliseconds since something was broken; 0: it is.
 */
export function unexpected(
  { step, outcome }: Done,
  meanwhile: readonly Step[],
  before: Model,
  after: Model,
  sinceFault: number,
): string | undefined {
  if (outcome.kind === 'done') return undefined;
  const { message } = outcome;
  const hosts = hostsOf(step, before);
  const isHit = meanwhile.some((each) => each.kind === 'restart weftd' && hosts.includes(each.host));
  if (isHit && (DIED.test(message) || OUT_OF_TOUCH.test(message))) return undefined;
  if (UNCONDITIONAL.includes(step.kind)) return `refused: ${message}`;
  if (TAKEN.test(message) && mayBeTaken(step, meanwhile, before, after)) return undefined;
  if (/full|no free address/.test(message) && isSmall(step, before)) return undefined;
  const isTroubled = sinceFault < AFTERMATH_MS;
  if (!isTroubled || !(OUT_OF_TOUCH.test(message) || TAKEN.test(message))) return `refused: ${message}`;
  return ownsBlocks(step, before) && /no address block/.test(message)
    ? `refused though its host gives addresses there: ${message}`
    : undefined;
}

/** Addresses that two containers of a network have: one line each. */
export function doubles(model: Model): readonly string[] {
  return Object.keys(model.networks).flatMap((network) => {
    const holders = new Map<string, string>();
    return onNetwork(model, network).flatMap(({ name, host, addresses: { ip, ip6, mac } }) =>
      [ip, ip6, mac].flatMap((address) => {
        const other = holders.get(address);
        const me = `${name} on ${host}`;
        if (address !== '') holders.set(address, me);
        return other === undefined ? [] : [`${address} of ${network} was given to ${other} and to ${me}`];
      }),
    );
  });
}

/** What a step asks for by name. */
function asksFor(step: Step, model: Model): readonly { readonly network: string; readonly fixed: number }[] {
  switch (step.kind) {
    case 'run':
    case 'connect':
      return step.fixed === undefined ? [] : [{ network: step.network, fixed: step.fixed }];
    case 'start':
    case 'move':
      return Object.entries(model.containers[step.container]?.networks ?? {}).flatMap(
        ([network, { fixed }]) => (fixed === undefined ? [] : [{ network, fixed }]),
      );
    default:
      return [];
  }
}

/** Whether somebody has an address that a step asks for, has just had it, or asks for it, too. */
function mayBeTaken(step: Step, meanwhile: readonly Step[], before: Model, after: Model): boolean {
  const me = 'container' in step ? step.container : '';
  const others = meanwhile.flatMap((each) => asksFor(each, before));
  return asksFor(step, before).some(({ network, fixed }) => {
    const holders = [...holdersOf(before, network, fixed), ...holdersOf(after, network, fixed)];
    const isWanted = others.some((each) => each.network === network && each.fixed === fixed);
    return isWanted || holders.some((name) => name !== me);
  });
}

function hostsOf(step: Step, model: Model): readonly string[] {
  const own = 'host' in step ? [step.host] : [];
  const container = 'container' in step ? model.containers[step.container] : undefined;
  return container === undefined ? own : [...own, container.host];
}

function isSmall(step: Step, model: Model): boolean {
  const names =
    'network' in step && typeof step.network === 'string'
      ? [step.network]
      : 'container' in step
        ? Object.keys(model.containers[step.container]?.networks ?? {})
        : [];
  return names.some((name) => model.networks[name]?.prefix4 === 28);
}

/** Whether the host of a step has an address of its own blocks for sure: one that weft chose for it. */
function ownsBlocks(step: Step, model: Model): boolean {
  if (step.kind !== 'run' || step.fixed !== undefined || reachesStore(model, step.host)) return false;
  const isLarge = model.networks[step.network]?.prefix4 === 24;
  return (
    isLarge &&
    onNetwork(model, step.network).some(
      ({ host, networks }) => host === step.host && networks[step.network]?.fixed === undefined,
    )
  );
}
