import { satisfies } from '../../core/diff.ts';
import { KernelError } from '../../core/errors.ts';
import type { LinkObject } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import { decodeLink, type LinkMessage, type NetlinkReply, type NetlinkRequest } from '../netlink/index.ts';
import type { NamedRequest } from './link-messages.ts';
import { linkObject } from './link-object.ts';
import type { LinkTable } from './link-table.ts';
import { addRequest, describe, type OnLink, removeRequest } from './object-messages.ts';

export type Outcome = PromiseSettledResult<readonly NetlinkReply[]>;

/** What came of a step: whether there is something to undo, and why it failed if it did. */
export interface Verdict {
  readonly changed: boolean;
  readonly failure?: Error;
}

/** How one step is done: messages that go together, and what their answers mean. */
export interface Action {
  readonly step: Step;
  readonly requests: readonly NamedRequest[];
  /** Judges the answers, one for each request. */
  readonly judge: (outcomes: readonly Outcome[]) => Verdict;
  /** The link whose ifindex is in the message; looked up anew when the kernel says that there is none. */
  readonly on?: { readonly dev: string; readonly index: number };
}

/** Refusals of a deletion that mean: it is gone already. */
const GONE = new Set(['ENODEV', 'ENOENT', 'ESRCH', 'EADDRNOTAVAIL']);

export function errnoOf(outcome: Outcome | undefined): string | undefined {
  if (outcome?.status !== 'rejected') return undefined;
  return outcome.reason instanceof KernelError ? outcome.reason.errno : 'unknown';
}

function failureOf(outcome: Outcome | undefined): Error | undefined {
  if (outcome?.status !== 'rejected') return undefined;
  return outcome.reason instanceof Error ? outcome.reason : new Error(String(outcome.reason));
}

/** Makes an object that stands on a link. EEXIST is fine: the kernel knows such an object by all of its fields. */
export function addAction(step: Step, object: OnLink, index: number): Action {
  const request: NetlinkRequest = addRequest(object, index);
  return {
    step,
    on: { dev: object.dev, index },
    requests: [{ ...request, step: describe('create', object) }],
    judge: ([outcome]) => {
      const failure = failureOf(outcome);
      if (failure === undefined) return { changed: true };
      return errnoOf(outcome) === 'EEXIST' ? { changed: false } : { changed: false, failure };
    },
  };
}

export function removeAction(step: Step, object: OnLink, index: number): Action {
  return {
    step,
    on: { dev: object.dev, index },
    requests: [{ ...removeRequest(object, index), step: describe('delete', object) }],
    judge: ([outcome]) => {
      const failure = failureOf(outcome);
      if (failure === undefined) return { changed: true };
      return GONE.has(errnoOf(outcome) ?? '') ? { changed: false } : { changed: false, failure };
    },
  };
}

/**
 * Makes or corrects a link. The last request reads it back, which teaches the table its ifindex. When the first
 * one, the creation, is refused with EEXIST, the step is done if what is there is as wanted after the settings.
 * @param creates whether the first request creates the link.
 */
export function linkAction(
  step: Step,
  object: LinkObject,
  requests: readonly NamedRequest[],
  creates: boolean,
  links: LinkTable,
): Action {
  const judge = (outcomes: readonly Outcome[]): Verdict => {
    const found = learn(outcomes.at(-1), links);
    const existed = creates && errnoOf(outcomes[0]) === 'EEXIST';
    const changed = !creates || outcomes[0]?.status === 'fulfilled';
    // Without a link to read, EEXIST was about the other end of the pair.
    const judged = existed && found !== undefined ? outcomes.slice(1) : outcomes;
    const failure = judged.map(failureOf).find((error) => error !== undefined);
    if (failure !== undefined) return { changed, failure };
    if (!existed || found === undefined) return { changed };
    const is = linkObject(found, object, (index) => links.nameOf(index));
    return satisfies(object, is) ? { changed } : { changed, failure: existsError(object) };
  };
  return { step, requests, judge };
}

function learn(read: Outcome | undefined, links: LinkTable): LinkMessage | undefined {
  const reply = read?.status === 'fulfilled' ? read.value[0] : undefined;
  if (reply === undefined) return undefined;
  const found = decodeLink(reply.payload);
  links.learn(found);
  return found;
}

/** The error for a name that something else has. */
export function existsError(object: LinkObject): KernelError {
  const step = `create ${object.type} ${object.name}`;
  return new KernelError(`${step}: there is another link of this name (EEXIST)`, { errno: 'EEXIST', step });
}
