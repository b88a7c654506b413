import type { Logger } from 'pino';
import { keyOf } from '../../core/kernel-objects.ts';
import type { Clock, Step } from '../../core/ports.ts';
import type { DriftLog, Repair } from '../reconcile/index.ts';

const ACTION: Readonly<Record<Step['op'], Repair['action']>> = {
  create: 'created',
  replace: 'replaced',
  delete: 'deleted',
};

/** Says what has been repaired in a namespace: in the drift log, what was found at the start in the log only. */
export function recordRepairs(
  { drift, clock, log }: { readonly drift: DriftLog; readonly clock: Clock; readonly log: Logger },
  steps: readonly Step[],
  { where, cause }: { readonly where: string; readonly cause: string },
): void {
  if (steps.length === 0) return;
  if (cause === 'start') log.info({ sandbox: where, steps: steps.length }, 'virtual IPs recovered');
  else for (const repair of repairsOf(steps, { where, cause, at: clock.now() })) drift.add(repair);
}

/** What the drift log says of steps in a namespace. A table that was gone stands for its elements. */
export function repairsOf(
  steps: readonly Step[],
  { where, ...more }: { readonly where: string; readonly cause: string; readonly at: number },
): readonly Repair[] {
  const made = new Set(
    steps.flatMap(({ op, object }) =>
      op === 'create' && object.kind === 'table' ? [`${object.family} ${object.name}`] : [],
    ),
  );
  return steps
    .filter(({ object }) => object.kind !== 'element' || !made.has(`${object.family} ${object.table}`))
    .map(({ op, object }) => ({
      kind: object.kind,
      key: `${keyOf(object)} in ${where}`,
      action: ACTION[op],
      ...more,
    }));
}
