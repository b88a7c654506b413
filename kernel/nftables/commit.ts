import { KernelError, Unavailable } from '../../core/errors.ts';
import type { ElementObject, ObjectKey, TableObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { NftSet } from '../../core/nft.ts';
import type { Step } from '../../core/ports.ts';
import type { NetlinkRequest, NetlinkTransport } from '../netlink/index.ts';
import { readContent, readElements, readGeneration } from './dump.ts';
import { ensureTable } from './ensure-table.ts';
import type { InstalledContent } from './fingerprint.ts';
import type { Change, Changes } from './fold.ts';
import { foldSteps, sameData } from './fold.ts';
import { batchBegin, batchEnd, NLM_F } from './message.ts';
import type { SetCache } from './set-cache.ts';
import { splitShortcuts } from './shortcut.ts';
import type { Piece } from './transaction.ts';
import { planTransaction, type tableKey } from './transaction.ts';

/** How often a transaction is laid out again because the kernel differed from what was known of it. */
const MAX_ATTEMPTS = 12;

/**
 * Commits steps of kinds table and element as one transaction. What is so already is left out: the kernel is asked
 * only when it refuses, because a refusal is rare and asking costs a dump.
 * @throws {KernelError} when the kernel refuses for another reason; nothing has taken effect then.
 */
export async function commitSteps(
  transport: NetlinkTransport,
  sets: SetCache,
  steps: readonly Step[],
): Promise<void> {
  const commit = new Commit(transport, sets, foldSteps(steps));
  try {
    await commit.run();
  } finally {
    for (const { object } of steps) if (object.kind === 'table') sets.forget(object.family, object.name);
  }
}

class Commit {
  readonly #transport: NetlinkTransport;
  readonly #sets: SetCache;
  readonly #changes: Changes;
  readonly #settled = new Set<ObjectKey>();
  #rereadSets = false;

  constructor(transport: NetlinkTransport, sets: SetCache, changes: Changes) {
    this.#transport = transport;
    this.#sets = sets;
    this.#changes = changes;
  }

  async run(): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { pieces, generation } = await this.#plan();
      if (pieces.length === 0) return;
      try {
        await send(this.#transport, pieces, generation);
        return;
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        await this.#learn(error, pieces);
      }
    }
    throw new Unavailable(`nft transaction: the ruleset changed during each of ${MAX_ATTEMPTS} attempts`);
  }

  async #plan(): Promise<{ pieces: readonly Piece[]; generation?: number }> {
    const { tables, elements } = this.#changes;
    const contents = new Map<ObjectKey, InstalledContent>();
    const ensured = [...tables.entries()].filter(([, { ensure }]) => ensure !== undefined);
    const generation = ensured.length > 0 ? await readGeneration(this.#transport) : undefined;
    for (const [key, { ensure }] of ensured) {
      if (ensure === undefined) continue;
      const { family, name } = ensure;
      const content = await readContent(this.#transport, family, name);
      if (content !== undefined) contents.set(key, splitShortcuts(family, name, content).rest);
    }
    for (const { family, table } of tablesOf(elements.values())) await this.#sets.load(family, table);
    const setOf = (...address: Parameters<SetCache['find']>): NftSet | undefined =>
      this.#sets.find(...address)?.set;
    const tablePieces = (object: TableObject, isWiped: boolean): readonly Piece[] =>
      ensureTable(object, isWiped ? undefined : contents.get(keyOf(object)));
    const pieces = await planTransaction(this.#changes, { tablePieces, setOf, settled: this.#settled });
    return generation === undefined ? { pieces } : { pieces, generation };
  }

  /** Finds out what was wrong in what was known. @throws {KernelError} the one given, when nothing was. */
  async #learn(error: KernelError, pieces: readonly Piece[]): Promise<void> {
    if (error.errno === 'ERESTART') return;
    const index = error.context['index'];
    const piece = typeof index === 'number' ? pieces[index - 1] : undefined;
    if (!(piece && (await this.#learnOf(error.errno, piece)))) throw error;
  }

  /** True when another attempt may go differently. */
  async #learnOf(errno: string, { deletes, adds }: Piece): Promise<boolean> {
    if (errno === 'ENOENT' && deletes !== undefined) {
      await this.#settleDeleted(deletes);
      return true;
    }
    const [only] = adds ?? [];
    if (errno === 'EEXIST' && only !== undefined && this.#changes.shortcuts.has(only)) {
      // Made by an earlier try of the same call; whether it is right is seen at the next comparison.
      this.#settled.add(`add ${only}`);
      return true;
    }
    if (errno === 'EEXIST' && adds !== undefined) return this.#settleAdded(adds);
    if (adds === undefined || this.#rereadSets) return false;
    // The set may be another than the one remembered.
    this.#rereadSets = true;
    for (const { add } of this.#changes.elements.values()) if (add) this.#sets.forget(add.family, add.table);
    return true;
  }

  async #settleDeleted(keys: readonly ObjectKey[]): Promise<void> {
    const [only] = keys;
    if (keys.length === 1 && only !== undefined) {
      this.#settled.add(only);
      return;
    }
    const present = await this.#readPresent(keys);
    for (const key of keys) if (!present.has(key)) this.#settled.add(key);
  }

  /**
   * True when some of the elements turned out to be there with equal data.
   * @throws {KernelError} EEXIST naming an element that is there with other data.
   */
  async #settleAdded(keys: readonly ObjectKey[]): Promise<boolean> {
    const present = await this.#readPresent(keys);
    const before = this.#settled.size;
    for (const key of keys) {
      const change = this.#changes.elements.get(key);
      const found = present.get(key);
      if (found === undefined || change?.add === undefined) continue;
      if (sameData(found, change.add)) this.#settled.add(`add ${key}`).add(key);
      else if (change.remove === undefined) throw otherData(key, found);
      else this.#settled.delete(key);
    }
    return this.#settled.size > before;
  }

  /** The elements of the sets that `keys` belong to. */
  async #readPresent(keys: readonly ObjectKey[]): Promise<ReadonlyMap<ObjectKey, ElementObject>> {
    const sets = new Map<string, ElementObject>();
    for (const key of keys) {
      const { add, remove } = this.#changes.elements.get(key) ?? {};
      const object = add ?? remove;
      if (object !== undefined) sets.set(`${object.family} ${object.table} ${object.set}`, object);
    }
    const present = new Map<ObjectKey, ElementObject>();
    for (const { family, table, set } of sets.values()) {
      this.#sets.forget(family, table);
      await this.#sets.load(family, table);
      const installed = this.#sets.find(family, table, set);
      if (installed === undefined) continue;
      for (const element of await readElements(this.#transport, family, table, installed)) {
        present.set(keyOf(element), element);
      }
    }
    return present;
  }
}

type TableName = Pick<ElementObject, 'family' | 'table'>;

/** The tables of elements, each once. */
function tablesOf(elements: Iterable<Change<ElementObject>>): readonly TableName[] {
  const tables: TableName[] = [];
  let last: TableName | undefined;
  for (const { add, remove } of elements) {
    const element = add ?? remove;
    if (element === undefined || isOf(element, last)) continue;
    last = element;
    if (!tables.some((table) => isOf(element, table))) tables.push(element);
  }
  return tables;
}

function isOf({ family, table }: TableName, other: TableName | undefined): boolean {
  return family === other?.family && table === other.table;
}

function otherData(key: ObjectKey, found: ElementObject): KernelError {
  const step = `create ${key}`;
  return new KernelError(`${step}: it is there with data ${found.data?.join(' . ') ?? '(none)'}`, {
    errno: 'EEXIST',
    step,
  });
}

/** Message 0 is the batch's begin, so message n + 1 is piece n. Only the last piece asks for an answer when all is well. */
function send(transport: NetlinkTransport, pieces: readonly Piece[], generation?: number): Promise<void> {
  const messages: NetlinkRequest[] = pieces.map(({ message }, index) =>
    index === pieces.length - 1 ? { ...message, flags: message.flags | NLM_F.ACK } : message,
  );
  const steps = pieces.map(({ step }) => step);
  return transport.batch(
    [batchBegin(generation), ...messages, batchEnd()],
    ['begin nft transaction', ...steps, 'commit nft transaction'],
  );
}

/** Deletes whole tables in one transaction; those that are gone meanwhile do not matter. */
export async function deleteTables(
  transport: NetlinkTransport,
  sets: SetCache,
  tables: readonly Parameters<typeof tableKey>[],
): Promise<void> {
  await commitSteps(
    transport,
    sets,
    tables.map(([family, name]) => ({
      op: 'delete',
      object: { kind: 'table', family, name, fingerprint: '' },
    })),
  );
}
