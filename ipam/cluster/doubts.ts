import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { errorMessage } from '../../core/errors.ts';
import type { Store } from '../../core/ports.ts';
import { type BlockRecord, decodeBlock, encodeBlock, NO_BLOCK } from './block-record.ts';

const PREFIX = 'undecided/';
/** A note is deleted so long after it was settled: the local copy of the shared data is on disk by then. */
const KEPT_MS = 600_000;

/** A change that takes something from this host and that may or may not have been made. */
interface Doubt {
  /** Revision the record had; with any later one the change has been made or never will be. */
  readonly base: bigint;
  readonly record: BlockRecord;
}

interface Notes {
  readonly doubts: readonly Doubt[];
  readonly writtenAt: number;
}

const NotesJson = Compile(
  Type.Object({
    doubts: Type.Array(Type.Object({ base: Type.String({ pattern: '^\\d{1,20}$' }), record: Type.String() })),
    writtenAt: Type.Number(),
  }),
);

/**
 * Remembers, over a restart too, what this host has offered to give away. An answer of the store can be lost, and
 * the local copy of the shared data can be older than what was done; an address is only this host's when it is by
 * the copy and by every change in doubt.
 */
export class Doubts {
  readonly #store: Store;
  readonly #notes = new Map<string, Notes>();

  private constructor(store: Store) {
    this.#store = store;
  }

  /** @param report is told of notes that cannot be read; they are dropped. */
  static async load(store: Store, report: (key: string, reason: string) => void): Promise<Doubts> {
    const doubts = new Doubts(store);
    for (const { key, value } of (await store.list(PREFIX)).entries) {
      try {
        doubts.#notes.set(key.slice(PREFIX.length), decode(key, value));
      } catch (error) {
        report(key, errorMessage(error));
      }
    }
    return doubts;
  }

  /** Records that the block may have instead of the one at `revision`. */
  about(key: string, revision: bigint): readonly BlockRecord[] {
    return (this.#notes.get(key)?.doubts ?? []).flatMap(({ base, record }) =>
      revision > base ? [] : [record],
    );
  }

  /** In memory at once; durable when it resolves. */
  async add(key: string, doubt: Doubt, revision: bigint, now: number): Promise<void> {
    const before = this.#notes.get(key);
    const open = (before?.doubts ?? []).filter(({ base }) => base >= revision);
    const text = JSON.stringify(doubt.record);
    // The same change again, because the store did not answer the first time.
    if (open.some(({ base, record }) => base === doubt.base && JSON.stringify(record) === text)) return;
    const notes = { doubts: [...open, doubt], writtenAt: now };
    this.#notes.set(key, notes);
    try {
      await this.#store.commit({ put: [{ key: PREFIX + key, value: encode(notes) }] });
    } catch (error) {
      // Nothing has been offered yet, so what held before holds now.
      if (before === undefined) this.#notes.delete(key);
      else this.#notes.set(key, before);
      throw error;
    }
  }

  /** A change of this process has been made, so none before it can be any more. */
  settle(key: string): void {
    const notes = this.#notes.get(key);
    if (notes !== undefined) this.#notes.set(key, { ...notes, doubts: [] });
  }

  /** Forgets what was settled long ago. */
  async prune(now: number, revisionOf: (key: string) => bigint): Promise<void> {
    const gone: string[] = [];
    for (const [key, { doubts, writtenAt }] of this.#notes) {
      if (now - writtenAt < KEPT_MS) continue;
      const revision = revisionOf(key);
      // An absent block is not this host's anyway.
      if (revision === 0n || doubts.every(({ base }) => revision > base)) gone.push(key);
      if (gone.length === 50) break;
    }
    if (gone.length === 0) return;
    await this.#store.commit({ delete: gone.map((key) => PREFIX + key) });
    for (const key of gone) this.#notes.delete(key);
  }
}

function encode({ doubts, writtenAt }: Notes): Uint8Array {
  const texts = doubts.map(({ base, record }) => ({
    base: String(base),
    record: new TextDecoder().decode(encodeBlock(record)),
  }));
  return new TextEncoder().encode(JSON.stringify({ doubts: texts, writtenAt }));
}

function decode(key: string, value: Uint8Array): Notes {
  const { doubts, writtenAt } = NotesJson.Parse(JSON.parse(new TextDecoder().decode(value)));
  return {
    writtenAt,
    doubts: doubts.map(({ base, record }) => ({
      base: BigInt(base),
      record: { ...NO_BLOCK, ...decodeBlock(key, new TextEncoder().encode(record)) },
    })),
  };
}
