import { Conflict, Internal } from '../../core/errors.ts';
import type { ElementObject, ObjectKey, ShortcutObject, TableObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';

/** What becomes of one element. `remove`: it may be there with other data, or must go. */
export interface ElementChange {
  readonly remove?: ElementObject;
  readonly add?: ElementObject;
}

/** What becomes of one table: with `remove` alone it goes; with both it is made anew, losing its elements. */
export interface TableChange {
  readonly remove?: TableObject;
  readonly ensure?: TableObject;
}

/** What becomes of one shortcut; with both it is made anew. */
export interface ShortcutChange {
  readonly remove?: ShortcutObject;
  readonly add?: ShortcutObject;
}

/** The net effect of a list of steps. */
export interface Changes {
  readonly tables: ReadonlyMap<ObjectKey, TableChange>;
  readonly elements: ReadonlyMap<ObjectKey, ElementChange>;
  readonly shortcuts: ReadonlyMap<ObjectKey, ShortcutChange>;
}

/**
 * Folds steps, in order, to one change for each object, so that a transaction can be laid out as nf_tables needs it:
 * removals before what they stand in the way of, sets before elements.
 * @throws {Conflict} when one element is created twice with different data.
 * @throws {Internal} for a step of another kind.
 */
export function foldSteps(steps: readonly Step[]): Changes {
  const tables = new Map<ObjectKey, TableChange>();
  const elements = new Map<ObjectKey, ElementChange>();
  const shortcuts = new Map<ObjectKey, ShortcutChange>();
  for (const { op, object } of steps) {
    const key = keyOf(object);
    switch (object.kind) {
      case 'table':
        tables.set(key, foldTable(tables.get(key), op, object));
        break;
      case 'element':
        elements.set(key, foldElement(elements.get(key), op, object));
        break;
      case 'shortcut':
        shortcuts.set(key, foldShortcut(shortcuts.get(key), op, object));
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

function foldShortcut(
  before: ShortcutChange | undefined,
  op: Step['op'],
  object: ShortcutObject,
): ShortcutChange {
  if (op === 'delete') return { remove: object };
  const replaces = op === 'replace' || before?.remove !== undefined;
  return { ...(replaces && { remove: object }), add: object };
}

function foldElement(
  before: ElementChange | undefined,
  op: Step['op'],
  object: ElementObject,
): ElementChange {
  switch (op) {
    case 'delete':
      return { remove: object };
    case 'replace':
      return { remove: object, add: object };
    case 'create':
      if (before?.add !== undefined && !sameData(before.add, object)) {
        throw new Conflict(`create ${keyOf(object)}: another call creates it with other data`);
      }
      return { ...(before?.remove && { remove: before.remove }), add: object };
  }
}

/** Whether two elements of one key have equal data. */
export function sameData(a: ElementObject, b: ElementObject): boolean {
  return (a.data ?? []).join(' . ') === (b.data ?? []).join(' . ');
}
