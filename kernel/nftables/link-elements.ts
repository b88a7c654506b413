import { KernelError } from '../../core/errors.ts';
import type { ElementObject, KernelObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';

/** Names and indexes of the links in the namespace of the tables. */
export interface LinkIndexes {
  indexesOf(names: readonly string[]): Promise<ReadonlyMap<string, number>>;
  namesByIndex(): Promise<ReadonlyMap<number, string>>;
}

/*
 * Maps of family netdev name links, which the kernel knows by index: objects carry the name, messages the index. An
 * index is asked for anew each time, since a link that was made again has another one.
 */

function namesLink(object: KernelObject): object is ElementObject {
  return object.kind === 'element' && object.family === 'netdev';
}

/**
 * Steps with indexes in place of names.
 * @throws {KernelError} ENODEV naming an element whose link there is not.
 */
export async function withIndexes(
  steps: readonly Step[],
  links: LinkIndexes | undefined,
): Promise<readonly Step[]> {
  const added = steps.flatMap(({ op, object }) =>
    op !== 'delete' && namesLink(object) ? (object.data ?? []) : [],
  );
  if (added.length === 0) return steps;
  const indexes = (await links?.indexesOf([...new Set(added)])) ?? new Map<string, number>();
  return steps.map((step) => {
    if (step.op === 'delete' || !namesLink(step.object)) return step;
    return { ...step, object: withIndex(step.object, indexes) };
  });
}

function withIndex(element: ElementObject, indexes: ReadonlyMap<string, number>): ElementObject {
  const data = element.data?.map((name) => {
    const index = indexes.get(name);
    if (index !== undefined) return String(index);
    const step = `create ${keyOf(element)}`;
    throw new KernelError(`${step}: there is no link ${name}`, { errno: 'ENODEV', step });
  });
  return { ...element, ...(data === undefined ? {} : { data }) };
}

/** Elements with names in place of indexes; an index of no link stays a number. */
export async function withNames(
  elements: readonly ElementObject[],
  links: LinkIndexes | undefined,
): Promise<readonly ElementObject[]> {
  if (elements.length === 0) return elements;
  const names = (await links?.namesByIndex()) ?? new Map<number, string>();
  return elements.map((element) => {
    const data = element.data?.map((index) => names.get(Number(index)) ?? index);
    return { ...element, ...(data === undefined ? {} : { data }) };
  });
}
