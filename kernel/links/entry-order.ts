import { type KernelObject, keyOf } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import { ZERO_MAC } from './object-messages.ts';

/**
 * The same steps, with every entry that moves moved at once: where a call deletes a neighbour or forwarding entry and
 * makes another in its place, the kernel replaces the one by the other, and what may be left of the old one is deleted
 * last. So there is an entry at every moment, whatever the order of the steps.
 */
export function inOrder(steps: readonly Step[]): readonly Step[] {
  const made = steps.some(isEntryDeletion) ? placesMade(steps) : new Set<string>();
  if (made.size === 0) return steps;
  const isMove = (step: Step): boolean => isEntryDeletion(step) && made.has(placeOf(step.object) ?? '');
  const deleted = steps.filter(isMove);
  if (deleted.length === 0) return steps;
  const moved = new Map(deleted.map(({ object }) => [placeOf(object), object]));
  const rest = steps.filter((step) => !isMove(step));
  const kept = new Set(rest.map(({ object }) => keyOf(object)));
  const left = deleted.filter(({ object }) => !kept.has(keyOf(object)));
  return [...rest.map((step) => asReplacement(step, moved)), ...left];
}

function placesMade(steps: readonly Step[]): ReadonlySet<string> {
  const made = new Set<string>();
  for (const { op, object } of steps) {
    const place = op === 'delete' ? undefined : placeOf(object);
    if (place !== undefined) made.add(place);
  }
  return made;
}

function isEntryDeletion({ op, object }: Step): boolean {
  return op === 'delete' && (object.kind === 'neighbour' || object.kind === 'fdb');
}

/** A creation that says what it replaces, so that it can be undone. */
function asReplacement(step: Step, moved: ReadonlyMap<string | undefined, KernelObject>): Step {
  const place = step.op === 'create' ? placeOf(step.object) : undefined;
  const was = place === undefined ? undefined : moved.get(place);
  return was === undefined ? step : { op: 'replace', object: step.object, was };
}

/**
 * Where an entry stands of which there can be one only; undefined for those of which there may be many. A MAC is
 * behind one port of its bridge, whichever that is.
 */
function placeOf(object: KernelObject): string | undefined {
  if (object.kind === 'neighbour') return keyOf(object);
  if (object.kind !== 'fdb' || object.mac === ZERO_MAC) return undefined;
  return object.destination === undefined
    ? `port of ${object.mac}`
    : `host of ${object.mac} on ${object.dev}`;
}
