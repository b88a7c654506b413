import { satisfies } from '../../core/diff.ts';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { BridgeLink, LinkObject } from '../../core/kernel-objects.ts';
import { DERIVED_NAME } from '../../core/names.ts';
import type { Step } from '../../core/ports.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import {
  type Action,
  addAction,
  errnoOf,
  existsError,
  linkAction,
  type Outcome,
  removeAction,
} from './action.ts';
import type { DiscardQueue, LinkLog } from './discard.ts';
import { createBridge, createVeth, repairBridge, repairVeth, setUpBridge } from './link-messages.ts';
import { linkObject } from './link-object.ts';
import type { LinkTable } from './link-table.ts';
import type { OnLink } from './object-messages.ts';

export interface Applier {
  readonly transport: NetlinkTransport;
  readonly links: LinkTable;
  readonly discards: DiscardQueue;
  readonly hasIpv6: boolean;
  readonly log: LinkLog;
}

/**
 * Does steps in order, with as few waits as their dependences allow: steps go out together until one needs the
 * ifindex of a link that an earlier one makes.
 * @returns the steps that changed something, for `undoSteps`.
 * @throws {KernelError} naming the refused step, after undoing those of this call that had taken effect.
 */
export async function applySteps(applier: Applier, steps: readonly Step[]): Promise<readonly Step[]> {
  const done: Step[] = [];
  try {
    await perform(applier, steps, done);
    return done;
  } catch (error) {
    await undoSteps(applier, done);
    throw error;
  }
}

/** Undoes steps, last first, and carries on past what cannot be undone: the next comparison finds it. */
export async function undoSteps(applier: Applier, done: readonly Step[]): Promise<void> {
  for (const step of done.toReversed()) {
    const inverse: Step =
      step.op === 'replace'
        ? { op: 'replace', object: step.was, was: step.object }
        : { op: step.op === 'create' ? 'delete' : 'create', object: step.object };
    try {
      await perform(applier, [inverse], []);
    } catch (error) {
      applier.log({ message: `undo failed: ${errorMessage(error)}`, error });
    }
  }
}

async function perform(applier: Applier, steps: readonly Step[], done: Step[]): Promise<void> {
  await applier.discards.settled(steps.filter(isLinkCreation).map(({ object }) => object.name));
  await applier.links.find(devicesOf(steps));
  let pending: Action[] = [];
  const flush = async (): Promise<void> => {
    const actions = pending;
    pending = [];
    await runActions(applier, actions, done);
  };
  for (let i = 0; i < steps.length; i++) {
    const run = steps.slice(i, linkDeletionsEnd(steps, i));
    if (run.length > 0) {
      await flush();
      await deleteLinks(applier, run, done);
      i += run.length - 1;
      continue;
    }
    const step = steps[i] as Step;
    if (isReplacedForeign(step)) await clearName(applier, step);
    if (needsUnknownLink(applier, step)) await flush();
    const action = await actionOf(applier, step);
    if (action !== undefined) pending.push(action);
  }
  await flush();
}

type LinkStep = Step & { readonly object: LinkObject };

function isLinkStep(step: Step): step is LinkStep {
  return step.object.kind === 'link';
}

function isLinkCreation(step: Step): step is LinkStep {
  return step.op !== 'delete' && isLinkStep(step);
}

/** Where the deletions of links that begin at `from` end. */
function linkDeletionsEnd(steps: readonly Step[], from: number): number {
  let end = from;
  for (
    let step = steps[end];
    step !== undefined && step.op === 'delete' && isLinkStep(step);
    step = steps[end]
  )
    end++;
  return end;
}

/** Every existing link that the steps name by ifindex. */
function devicesOf(steps: readonly Step[]): Set<string> {
  const made = new Set(steps.filter(isLinkCreation).map(({ object }) => object.name as string));
  const devices = steps.flatMap((step) => deviceOf(step) ?? []);
  return new Set(devices.filter((name) => !made.has(name)));
}

function deviceOf({ op, object }: Step): string | undefined {
  if (object.kind === 'link') return op !== 'delete' && object.type === 'veth' ? object.master : undefined;
  return 'dev' in object ? object.dev : undefined;
}

function needsUnknownLink({ links }: Applier, step: Step): boolean {
  const device = deviceOf(step);
  return device !== undefined && links.get(device) === undefined;
}

function isReplacedForeign(step: Step): boolean {
  return step.op === 'replace' && step.object.kind === 'link' && (step.was as LinkObject).type === 'foreign';
}

/**
 * Makes way for a link of ours whose derived name another kind of link has; other names belong to the host.
 * @throws {KernelError} EEXIST for a name that weft did not derive.
 */
async function clearName(applier: Applier, step: Step): Promise<void> {
  const object = step.object as LinkObject;
  if (!DERIVED_NAME.test(object.name)) throw existsError(object);
  await deleteLinks(applier, [{ op: 'delete', object }], []);
}

async function deleteLinks(applier: Applier, steps: readonly Step[], done: Step[]): Promise<void> {
  const own = steps.filter(
    ({ object }) => !(object.kind === 'link' && object.type === 'bridge' && object.adopted),
  );
  const names = own.map(({ object }) => (object as LinkObject).name as string);
  for (const name of names) applier.links.forget(name);
  const refused = await applier.discards.deleteAll(names);
  done.push(...own.filter((_, i) => !refused.has(names[i] ?? '')));
  for (const error of refused.values()) throw error;
}

async function actionOf(applier: Applier, step: Step): Promise<Action | undefined> {
  const { object } = step;
  switch (object.kind) {
    case 'link':
      return linkStepAction(applier, step, object);
    case 'address':
    case 'route':
    case 'neighbour':
    case 'fdb':
      return onLinkAction(applier, step, object);
    case 'sysctl':
    case 'table':
    case 'element':
      return undefined;
  }
}

async function onLinkAction(applier: Applier, step: Step, object: OnLink): Promise<Action | undefined> {
  const index = await knownIndex(applier, object.dev);
  if (step.op === 'delete') return index === undefined ? undefined : removeAction(step, object, index);
  if (index === undefined) throw noLink(object.dev, `create ${object.kind} on ${object.dev}`);
  return addAction(step, object, index);
}

async function knownIndex({ links }: Applier, name: string): Promise<number | undefined> {
  if (links.get(name) === undefined) await links.find([name]);
  return links.get(name);
}

function noLink(name: string, step: string): KernelError {
  return new KernelError(`${step}: there is no link ${name} (ENODEV)`, { errno: 'ENODEV', step });
}

async function linkStepAction(applier: Applier, step: Step, object: LinkObject): Promise<Action | undefined> {
  const { hasIpv6, links } = applier;
  const exists = step.op === 'replace' && !isReplacedForeign(step);
  if (object.type === 'foreign') return undefined;
  if (object.type === 'veth') {
    const master = await knownIndex(applier, object.master);
    if (master === undefined) throw noLink(object.master, `create veth ${object.name}`);
    const requests = exists ? repairVeth(object, master, hasIpv6) : createVeth(object, master, hasIpv6);
    return linkAction(step, object, requests, !exists, links);
  }
  if (object.adopted === true) return linkAction(step, object, setUpBridge(object, hasIpv6), false, links);
  if (exists) return linkAction(step, object, repairBridge(object, step.was, hasIpv6), false, links);
  if (DERIVED_NAME.test(object.name)) {
    return linkAction(step, object, [createBridge(object), ...setUpBridge(object, hasIpv6)], true, links);
  }
  // Settings must not reach a bridge of the host's that has taken the name meanwhile, so the creation goes alone.
  const created = await claimName(applier, object);
  return created ? linkAction(step, object, setUpBridge(object, hasIpv6), false, links) : undefined;
}

/**
 * Creates a bridge whose name weft did not derive.
 * @returns false when it is there already as wanted.
 * @throws {KernelError} EEXIST when it is there and differs.
 */
async function claimName({ transport, links }: Applier, object: BridgeLink): Promise<boolean> {
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

/** Sends the messages of several actions together and takes note of those that changed something. */
async function runActions(applier: Applier, actions: readonly Action[], done: Step[]): Promise<void> {
  if (actions.length === 0) return;
  const outcomes = await applier.transport.requestAll(actions.flatMap(({ requests }) => requests));
  let at = 0;
  let failed: Error | undefined;
  for (const action of actions) {
    const own = outcomes.slice(at, at + action.requests.length);
    at += action.requests.length;
    const { changed, failure } = await action.judge(await retried(applier, action, own));
    if (changed) done.push(action.step);
    failed ??= failure;
  }
  if (failed !== undefined) throw failed;
}

/** Repeats an action whose ifindex was out of date, once. */
async function retried(
  applier: Applier,
  action: Action,
  outcomes: readonly Outcome[],
): Promise<readonly Outcome[]> {
  const { on, step } = action;
  if (on === undefined || errnoOf(outcomes[0]) !== 'ENODEV') return outcomes;
  if (applier.links.get(on.dev) === on.index) applier.links.forget(on.dev);
  const index = await knownIndex(applier, on.dev);
  if (index === undefined || index === on.index) return outcomes;
  const again = await actionOf(applier, step);
  return again === undefined ? outcomes : applier.transport.requestAll(again.requests);
}
