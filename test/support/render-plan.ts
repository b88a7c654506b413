import { type KernelObject, keyOf } from '../../core/kernel-objects.ts';

/** A plan as lines of text: each object's key, and what else there is to it. */
export function renderPlan(objects: readonly KernelObject[]): readonly string[] {
  return objects.map((object) => {
    const { kind: _kind, ...fields } = object;
    if (object.kind === 'element')
      return `${keyOf(object)}${object.data === undefined ? '' : ` : ${object.data.join(' . ')}`}`;
    if (object.kind === 'address' || object.kind === 'fdb') return keyOf(object).trimEnd();
    if (object.kind === 'neighbour') return `${keyOf(object)} ${object.mac}`;
    return `${keyOf(object)} ${JSON.stringify(fields)}`;
  });
}
