import { KernelError } from '../../core/errors.ts';
import type { ElementObject, ObjectKey, TableObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { NftFamily, NftSet } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import {
  encodeAddElements,
  encodeCatchall,
  encodeDeleteElements,
  encodeElement,
  isCatchall,
} from './element.ts';
import type { Changes } from './fold.ts';
import { addShortcuts, removeShortcuts } from './shortcut.ts';
import { encodeDeleteTable } from './table.ts';
import { TimeSlice } from './time-slice.ts';

/** One message of a transaction, in words and with the objects it is about. */
export interface Piece {
  readonly message: NetlinkRequest;
  readonly step: string;
  /** Keys of what it deletes; ENOENT then means that one of them is gone already. */
  readonly deletes?: readonly ObjectKey[];
  /** Keys of the elements it adds; EEXIST then means that one is there with other data. */
  readonly adds?: readonly ObjectKey[];
}

/** What a transaction has to know of the kernel. */
export interface Installed {
  /** The messages that bring a table to what is wanted. @param isWiped it has just been deleted. */
  readonly tablePieces: (object: TableObject, isWiped: boolean) => readonly Piece[];
  /** The definition of a set as the kernel has it. */
  readonly setOf: (family: NftFamily, table: string, set: string) => NftSet | undefined;
  /** Keys of deletions and additions to leave out, because the kernel turned out to be so already. */
  readonly settled: ReadonlySet<ObjectKey>;
}

/** Bytes of elements in one message; a list of them must stay under 64 KiB. */
const MAX_LIST_BYTES = 32_768;

/**
 * The messages that make the changes so, laid out in slices: elements go, tables are made, elements come, tables go.
 * @throws {KernelError} ENOENT when an element is to be added to a set that neither exists nor is being made.
 * @throws {InvalidArgument} when an element does not fit its set.
 */
export async function planTransaction(changes: Changes, installed: Installed): Promise<readonly Piece[]> {
  const { tables } = changes;
  const wiped = [...tables.values()].flatMap(({ remove, ensure }) => (remove && ensure ? [remove] : []));
  const gone = [...tables.values()].flatMap(({ remove, ensure }) => (remove && !ensure ? [remove] : []));
  const deleteTable = (object: { family: NftFamily; name: string }): Piece[] => {
    const key = tableKey(object.family, object.name);
    if (installed.settled.has(key)) return [];
    const message = encodeDeleteTable(object.family, object.name);
    return [{ message, step: `delete ${key}`, deletes: [key] }];
  };
  return [
    ...wiped.flatMap(deleteTable),
    ...removeShortcuts(changes.shortcuts, installed.settled),
    ...(await removals(changes, installed)),
    ...[...tables.values()].flatMap(({ remove, ensure }) =>
      ensure ? installed.tablePieces(ensure, remove !== undefined) : [],
    ),
    ...(await additions(changes, installed)),
    ...addShortcuts(changes.shortcuts, installed.settled),
    ...gone.flatMap(deleteTable),
  ];
}

/** The key of a table object. */
export function tableKey(family: NftFamily, name: string): ObjectKey {
  return keyOf({ kind: 'table', family, name, fingerprint: '' });
}

async function removals({ tables, elements }: Changes, installed: Installed): Promise<readonly Piece[]> {
  const slice = new TimeSlice();
  const lists = new ElementLists('delete');
  for (const [key, { remove }] of elements) {
    if (remove === undefined || installed.settled.has(key)) continue;
    // A table that goes takes its elements along.
    if (tables.get(tableKey(remove.family, remove.table))?.remove !== undefined) continue;
    const set = installed.setOf(remove.family, remove.table, remove.set);
    if (set === undefined) continue;
    const entry = isCatchall(remove.key) ? encodeCatchall() : encodeElement(set, { key: remove.key });
    lists.push(remove, key, entry);
    if (slice.over) await slice.next();
  }
  return lists.pieces();
}

async function additions({ tables, elements }: Changes, installed: Installed): Promise<readonly Piece[]> {
  const slice = new TimeSlice();
  const lists = new ElementLists('create');
  for (const [key, { add }] of elements) {
    if (add === undefined || (installed.settled.size > 0 && installed.settled.has(`add ${key}`))) continue;
    const made = tables.size > 0 && tables.get(tableKey(add.family, add.table))?.ensure?.table;
    const set = made
      ? made.sets.find(({ name }) => name === add.set)
      : installed.setOf(add.family, add.table, add.set);
    if (set === undefined) {
      const step = `create ${key}`;
      throw new KernelError(`${step}: there is no such set`, { errno: 'ENOENT', step });
    }
    lists.push(add, key, encodeElement(set, add));
    if (slice.over) await slice.next();
  }
  return lists.pieces();
}

/** Gathers list entries to as few messages as may be, one set a message. */
class ElementLists {
  readonly #op: 'create' | 'delete';
  readonly #pieces: Piece[] = [];
  readonly #open = new Map<
    string,
    { entries: Uint8Array[]; keys: ObjectKey[]; bytes: number; of: ElementObject }
  >();

  constructor(op: 'create' | 'delete') {
    this.#op = op;
  }

  push(object: ElementObject, key: ObjectKey, entry: Uint8Array): void {
    const name = `${object.family} ${object.table} ${object.set}`;
    let list = this.#open.get(name);
    if (list !== undefined && list.bytes + entry.length > MAX_LIST_BYTES) {
      this.#close(name);
      list = undefined;
    }
    if (list === undefined) {
      list = { entries: [], keys: [], bytes: 0, of: object };
      this.#open.set(name, list);
    }
    list.entries.push(entry);
    list.keys.push(key);
    list.bytes += entry.length;
  }

  pieces(): readonly Piece[] {
    for (const name of [...this.#open.keys()]) this.#close(name);
    return this.#pieces;
  }

  #close(name: string): void {
    const list = this.#open.get(name);
    if (list === undefined) return;
    this.#open.delete(name);
    const { keys, entries, of } = list;
    const more = keys.length > 1 ? ` and ${keys.length - 1} more of its set` : '';
    const step = `${this.#op} ${keys[0] ?? name}${more}`;
    this.#pieces.push(
      this.#op === 'create'
        ? { message: encodeAddElements(of, entries), step, adds: keys }
        : { message: encodeDeleteElements(of, entries), step, deletes: keys },
    );
  }
}
