import { satisfies } from '../../core/diff.ts';
import { KernelError } from '../../core/errors.ts';
import type { LinkObject } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import {
  decodeLink,
  type LinkMessage,
  type NetlinkReply,
  type NetlinkRequest,
  RTM,
} from '../netlink/index.ts';
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
  readonly judge: (outcomes: readonly Outcome[]) => Verdict | Promise<Verdict>;
  /** One request without a reply, done unless the kernel refuses it. */
  readonly silent?: true;
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

function firstFailure(outcomes: readonly Outcome[]): Error | undefined {
  return outcomes.map(failureOf).find((error) => error !== undefined);
}

/** Makes an object that stands on a link. EEXIST is fine: the kernel knows such an object by all of its fields. */
export function addAction(step: Step, object: OnLink, index: number): Action {
  const request: NetlinkRequest = addRequest(object, index, step.op === 'replace');
  return {
    step,
    silent: true,
    on: { dev: object.dev, index },
    requests: [{ ...request, step: () => describe('create', object) }],
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
    silent: true,
    on: { dev: object.dev, index },
    requests: [{ ...removeRequest(object, index), step: () => describe('delete', object) }],
    judge: ([outcome]) => {
      const failure = failureOf(outcome);
      if (failure === undefined) return { changed: true };
      return GONE.has(errnoOf(outcome) ?? '') ? { changed: false } : { changed: false, failure };
    },
  };
}

/**
 * Makes or corrects a link. If the last request reads it back, the table learns its ifindex. When the first one, the
 * creation, is refused with EEXIST, the step is done if what is there is as wanted after the settings.
 * @param creates whether the first request creates the link.
 */
export function linkAction(
  step: Step,
  object: LinkObject,
  requests: readonly NamedRequest[],
  creates: boolean,
  links: LinkTable,
): Action {
  const judge = async (outcomes: readonly Outcome[]): Promise<Verdict> => {
    const existed = creates && errnoOf(outcomes[0]) === 'EEXIST';
    const changed = !creates || outcomes[0]?.status === 'fulfilled';
    const seen = learn(requests, outcomes, links);
    if (!existed) return verdict(changed, firstFailure(outcomes));
    return judgeExisting(object, outcomes, seen ?? (await readLink(links, object.name)), links);
  };
  return { step, requests, judge };
}

/** There was a link of the name: fine if it is as wanted after the settings. */
function judgeExisting(
  object: LinkObject,
  outcomes: readonly Outcome[],
  found: LinkMessage | undefined,
  links: LinkTable,
): Verdict {
  // Without a link to read, EEXIST was about the other end of the pair.
  if (found === undefined) return verdict(false, firstFailure(outcomes));
  const failure = firstFailure(outcomes.slice(1));
  return verdict(false, failure ?? (serves(found, object, links) ? undefined : existsError(object)));
}

function verdict(changed: boolean, failure: Error | undefined): Verdict {
  return failure === undefined ? { changed } : { changed, failure };
}

async function readLink(links: LinkTable, name: string): Promise<LinkMessage | undefined> {
  const [link] = await links.read([name]);
  return link;
}

function serves(found: LinkMessage, wanted: LinkObject, links: LinkTable): boolean {
  return satisfies(
    wanted,
    linkObject(found, wanted, (index) => links.nameOf(index)),
  );
}

/** What the last request has read, if it was one that reads. */
function learn(
  requests: readonly NamedRequest[],
  outcomes: readonly Outcome[],
  links: LinkTable,
): LinkMessage | undefined {
  const read = outcomes.at(-1);
  if (requests.at(-1)?.type !== RTM.RTM_GETLINK || read?.status !== 'fulfilled') return undefined;
  const reply = read.value[0];
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
