import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../core/errors.ts';
import type { Entry, Store, Txn } from '../../core/ports.ts';
import type { StoreLog } from '../log.ts';

const DATA = 'mirror/data/';
const STATE = 'mirror/state';
/** Changes are written together when so many milliseconds have passed since the first of them. */
const DELAY_MS = 100;
/** A copy made afresh waits until the start that it is part of is over. */
const AFRESH_MS = 5000;
/** So many changes at once are a copy made afresh. */
const AFRESH = 1000;
/** Keys in one local transaction: writing it holds up the event loop. */
const BATCH = 64;
const RETRY_MS = 5000;
const REVISION_BYTES = 8;

/** What the copy is a copy of. */
export interface CopyState {
  readonly revision: bigint;
  /** When the shared store was last heard, in milliseconds since the epoch. */
  readonly heardAt: number;
}

/**
 * The copy of a shared store in a local one. It may lag behind what was seen, and a copy cut short may mix revisions:
 * what begins with it lists again and compares.
 */
export class LocalCopy implements AsyncDisposable {
  readonly #local: Store;
  readonly #log: StoreLog;
  readonly #state: () => CopyState;
  /** What has to be written; undefined deletes. */
  readonly #dirty = new Map<string, Entry | undefined>();
  readonly #closing = new AbortController();
  #writing: Promise<void> | undefined;

  /** @param state is asked when something is written. */
  constructor(local: Store, log: StoreLog, state: () => CopyState) {
    this.#local = local;
    this.#log = log;
    this.#state = state;
  }

  /** What the last process left. Records that are damaged are left out: the next list brings them again. */
  static async read(
    local: Store,
  ): Promise<{ readonly entries: readonly Entry[]; readonly state: CopyState }> {
    const { entries } = await local.list(DATA);
    const [state] = (await local.list(STATE)).entries;
    return {
      entries: entries.flatMap((entry) => decodeEntry(entry) ?? []),
      state: state === undefined ? { revision: 0n, heardAt: 0 } : decodeState(state.value),
    };
  }

  /** Has `key` written soon, as it is in `entry`, or as deleted. */
  note(key: string, entry: Entry | undefined): void {
    this.#dirty.set(key, entry);
    this.#writing ??= this.#write();
  }

  /** Writes what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    let delayMs = DELAY_MS;
    while (this.#dirty.size > 0) {
      await this.#wait(delayMs);
      if (this.#dirty.size > AFRESH) await this.#wait(AFRESH_MS);
      try {
        while (this.#dirty.size > 0) await this.#writeBatch();
        delayMs = DELAY_MS;
      } catch (error) {
        this.#log.warn({ err: errorMessage(error) }, 'copy of the shared store not written');
        if (this.#closing.signal.aborted) break;
        delayMs = RETRY_MS;
      }
    }
    this.#writing = undefined;
  }

  async #writeBatch(): Promise<void> {
    const batch = [...this.#dirty.entries().take(BATCH)];
    const put: { readonly key: string; readonly value: Uint8Array }[] = [];
    const gone: string[] = [];
    for (const [key, entry] of batch) {
      if (entry === undefined) gone.push(DATA + key);
      else put.push({ key: DATA + key, value: encodeEntry(entry) });
    }
    if (batch.length === this.#dirty.size) put.push({ key: STATE, value: encodeState(this.#state()) });
    const txn: Txn = { put, delete: gone, durability: 'process' };
    await this.#local.commit(txn);
    for (const [key, entry] of batch) if (this.#dirty.get(key) === entry) this.#dirty.delete(key);
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#closing;
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** The revision in the shared store as 8 bytes, most significant first, then the value. */
function encodeEntry({ value, revision }: Entry): Uint8Array {
  const bytes = Buffer.alloc(REVISION_BYTES + value.length);
  bytes.writeBigUInt64BE(revision);
  bytes.set(value, REVISION_BYTES);
  return bytes;
}

function decodeEntry({ key, value }: Entry): Entry | undefined {
  if (value.length < REVISION_BYTES) return undefined;
  const revision = Buffer.from(value.buffer, value.byteOffset, value.length).readBigUInt64BE();
  return { key: key.slice(DATA.length), value: value.slice(REVISION_BYTES), revision };
}

function encodeState({ revision, heardAt }: CopyState): Uint8Array {
  return Buffer.from(JSON.stringify({ revision: String(revision), heardAt }));
}

/** A state that is damaged is as good as none. */
function decodeState(value: Uint8Array): CopyState {
  const text = Buffer.from(value).toString();
  const match = /^\{"revision":"(\d+)","heardAt":(\d+)\}$/.exec(text);
  return { revision: BigInt(match?.[1] ?? 0), heardAt: Number(match?.[2] ?? 0) };
}
