import { diff } from '../../core/diff.ts';
import { type KernelObject, keyOf, type ObjectKey } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';

/** What a sequence of steps comes to: at most one for each object, so that they may be made in any order. */
export function netSteps(steps: Iterable<Step>): readonly Step[] {
  const seen = new Set<ObjectKey>();
  const before = new Map<ObjectKey, KernelObject>();
  const after = new Map<ObjectKey, KernelObject>();
  for (const step of steps) {
    const key = keyOf(step.object);
    if (!seen.has(key) && step.op !== 'create')
      before.set(key, step.op === 'replace' ? step.was : step.object);
    seen.add(key);
    if (step.op === 'delete') after.delete(key);
    else after.set(key, step.object);
  }
  return diff(after, before);
}
