import { keyOf } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import type { Repair } from '../reconcile/index.ts';

const ACTION: Readonly<Record<Step['op'], Repair['action']>> = {
  create: 'created',
  replace: 'replaced',
  delete: 'deleted',
};

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
