import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorMessage } from '../../core/errors.ts';
import type { LinkObject } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import type { Events } from '../netlink/index.ts';
import { type Action, addAction, errnoOf, type Outcome, removeAction } from './action.ts';
import { ActionQueue } from './action-queue.ts';
import type { DiscardQueue, LinkLog } from './discard.ts';
import { inOrder } from './entry-order.ts';
import { knownIndex, type LinkMaker, linkStepAction, noLink, remadeLink } from './link-step.ts';
import type { OnLink } from './object-messages.ts';
import { withSource } from './route-source.ts';
import { deleteInSandboxes } from './sandbox-links.ts';

export interface Applier extends LinkMaker {
  readonly discards: DiscardQueue;
  readonly log: LinkLog;
  /** Where what is done is told as well. */
  readonly events: Pick<Events, 'fill'>;
}

/** Fuller the buffer of notifications is not made by weft's own changes: others make some too. */
const MOST_FILL = 0.5;
/** Longest wait for it to be read. */
const READING_MS = 1000;

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
  const inverses = done.toReversed().map(inverseOf);
  const [failure] = await Promise.allSettled([perform(applier, inverses, [])]);
  if (failure.status === 'fulfilled') return;
  // Some were undone already, which does no harm: each step may be done twice.
  for (const inverse of inverses) {
    try {
      await perform(applier, [inverse], []);
    } catch (error) {
      applier.log({ message: `undo failed: ${errorMessage(error)}`, error });
    }
  }
}

function inverseOf(step: Step): Step {
  if (step.op === 'replace') return { op: 'replace', object: step.was, was: step.object };
  return { op: step.op === 'create' ? 'delete' : 'create', object: step.object };
}

async function perform(applier: Applier, given: readonly Step[], done: Step[]): Promise<void> {
  const steps = inOrder(given);
  await applier.discards.settled(steps.filter(isLinkCreation).map(({ object }) => object.name));
  await applier.links.find(devicesOf(steps));
  const queue = new ActionQueue(
    applier.transport,
    done,
    (action, outcomes) => retried(applier, action, outcomes),
    () => roomForEchoes(applier),
  );
  try {
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i] as Step;
      const end = linkDeletionsEnd(steps, i);
      if (end > i || needsUnknownLink(applier, step)) await queue.flush();
      if (end > i) {
        await deleteLinks(applier, steps.slice(i, end), done);
        i = end - 1;
        continue;
      }
      const action = onKnownLink(applier, step) ?? (await otherAction(applier, step, done));
      const full = action && queue.add(action);
      if (full !== undefined) await full;
    }
    await queue.flush();
  } finally {
    await queue.stop();
  }
}

/** Changes made faster than their notifications are read would push some out, and with them those of others. */
async function roomForEchoes({ events }: Applier): Promise<void> {
  const until = performance.now() + READING_MS;
  while (events.fill > MOST_FILL && performance.now() < until) await nextTurn();
}

async function otherAction(applier: Applier, step: Step, done: Step[]): Promise<Action | undefined> {
  await makeWay(applier, step, done);
  return actionOf(applier, step);
}

/** Deletes the link that is in the way of the step's. One of ours is made again if the call fails. */
async function makeWay(applier: Applier, step: Step, done: Step[]): Promise<void> {
  if (step.op !== 'replace' || remadeLink(step) === undefined) return;
  const { object, was } = step;
  await deleteLinks(applier, [{ op: 'delete', object }], []);
  if (was.kind === 'link' && was.type !== 'foreign') done.push({ op: 'delete', object: was });
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
function devicesOf(steps: readonly Step[]): ReadonlySet<string> {
  const devices = new Set<string>();
  for (const step of steps) {
    const device = deviceOf(step);
    if (device !== undefined) devices.add(device);
  }
  for (const step of steps) if (isLinkCreation(step)) devices.delete(step.object.name);
  return devices;
}

function deviceOf({ op, object }: Step): string | undefined {
  if (object.kind === 'link') return op === 'delete' ? undefined : standsOn(object);
  return 'dev' in object ? object.dev : undefined;
}

/** The link that another is a port of, or stands on. */
function standsOn(link: LinkObject): string | undefined {
  if ('master' in link) return link.master;
  return 'parent' in link ? link.parent : undefined;
}

function needsUnknownLink({ links }: Applier, step: Step): boolean {
  const device = deviceOf(step);
  return device !== undefined && links.get(device) === undefined;
}

async function deleteLinks(applier: Applier, steps: readonly Step[], done: Step[]): Promise<void> {
  const own = steps.filter(
    ({ object }) => !(object.kind === 'link' && object.type === 'bridge' && object.adopted),
  );
  const names = own.map(({ object }) => (object as LinkObject).name as string);
  for (const name of names) applier.links.forget(name);
  const refused = await applier.discards.deleteAll(names);
  await deleteInSandboxes(own.map(({ object }) => object));
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
    case 'shortcut':
      return undefined;
  }
}

/** The action for what stands on a link whose ifindex is known: of such there are many thousand, so nothing waits. */
function onKnownLink({ links }: Applier, step: Step): Action | undefined {
  const { op, object } = step;
  switch (object.kind) {
    case 'neighbour':
    case 'fdb': {
      const index = links.get(object.dev);
      if (index === undefined) return undefined;
      return op === 'delete' ? removeAction(step, object, index) : addAction(step, object, index);
    }
    default:
      return undefined;
  }
}

async function onLinkAction(applier: Applier, step: Step, object: OnLink): Promise<Action | undefined> {
  const index = await knownIndex(applier.links, object.dev);
  if (step.op === 'delete') return index === undefined ? undefined : removeAction(step, object, index);
  if (index === undefined) throw noLink(object.dev, `create ${object.kind} on ${object.dev}`);
  return addAction(step, object.kind === 'route' ? await withSource(applier, object) : object, index);
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
  const index = await knownIndex(applier.links, on.dev);
  if (index === undefined || index === on.index) return outcomes;
  const again = await actionOf(applier, step);
  return again === undefined ? outcomes : applier.transport.requestAll(again.requests);
}
