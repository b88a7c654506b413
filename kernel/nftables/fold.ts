import { Conflict, Internal } from '../../core/errors.ts';
import type { ElementObject, ObjectKey, ShortcutObject, TableObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';

/** What becomes of one element or shortcut. `remove`: it may be there as another, or must go; with both it is made anew. */
export interface Change<Object> {
  readonly remove?: Object;
  readonly add?: Object;
}

/** What becomes of one table: with `remove` alone it goes; with both it is made anew, losing its elements. */
export interface TableChange {
  readonly remove?: TableObject;
  readonly ensure?: TableObject;
}

/** The net effect of a list of steps. */
export interface Changes {
  readonly tables: ReadonlyMap<ObjectKey, TableChange>;
  readonly elements: ReadonlyMap<ObjectKey, Change<ElementObject>>;
  readonly shortcuts: ReadonlyMap<ObjectKey, Change<ShortcutObject>>;
}

/**
 * Folds steps, in order, to one change for each object, so that a transaction can be laid out as nf_tables needs it:
 * removals before what they stand in the way of, sets before elements.
 * @throws {Conflict} when one element is created twice with different data.
 * @throws {Internal} for a step of another kind.
 */
export function foldSteps(steps: readonly Step[]): Changes {
  const tables = new Map<ObjectKey, TableChange>();
  const elements = new Map<ObjectKey, Change<ElementObject>>();
  const shortcuts = new Map<ObjectKey, Change<ShortcutObject>>();
  for (const { op, object } of steps) {
    const key = keyOf(object);
    switch (object.kind) {
      case 'table':
        tables.set(key, foldTable(tables.get(key), op, object));
        break;
      case 'element':
        assertSameAddition(elements.get(key), op, object);
        elements.set(key, fold(elements.get(key), op, object));
        break;
      case 'shortcut':
        shortcuts.set(key, fold(shortcuts.get(key), op, object));
        break;
      default:
        throw new Internal(`${op} ${key}: not an nft object`);
    }
  }
  return { tables, elements, shortcuts };
}

function foldTable(before: TableChange | undefined, op: Step['op'], object: TableObject): TableChange {
  if (op === 'delete') return { remove: object };
  return { ...(before?.remove && { remove: before.remove }), ensure: object };
}

function fold<Object>(before: Change<Object> | undefined, op: Step['op'], object: Object): Change<Object> {
  switch (op) {
    case 'delete':
      return { remove: object };
    case 'replace':
      return { remove: object, add: object };
    case 'create':
      return { ...(before?.remove && { remove: before.remove }), add: object };
  }
}

function assertSameAddition(
  before: Change<ElementObject> | undefined,
  op: Step['op'],
  object: ElementObject,
): void {
  if (op === 'create' && before?.add !== undefined && !sameData(before.add, object))
    throw new Conflict(`create ${keyOf(object)}: another call creates it with other data`);
}

/** Whether two elements of one key have equal data. */
export function sameData(a: ElementObject, b: ElementObject): boolean {
  return (a.data ?? []).join(' . ') === (b.data ?? []).join(' . ');
}
