import { errorMessage } from '../../core/errors.ts';
import { preference } from './block-grid.ts';
import { withOwner } from './block-record.ts';
import type { Share } from './share.ts';

/** `full`: every block is somebody's. `busy`: others were quicker each time. */
export type ClaimOutcome = 'claimed' | 'full' | 'busy' | 'unavailable';

const TRIES = 8;
/** A block is claimed ahead of need when fewer addresses than these are left, or than a quarter of a block. */
const LOW_WATER = 16;
/** After finding every block owned, none is claimed ahead of need for so long. */
const FULL_MS = 5_000;

/** Claims blocks for one subnet, one at a time. */
export class BlockClaims {
  readonly #share: Share;
  #running: Promise<ClaimOutcome> | undefined;
  #fullUntil = 0;

  constructor(share: Share) {
    this.#share = share;
  }

  /** Claims one block; callers at the same time share the claim. */
  claim(): Promise<ClaimOutcome> {
    this.#running ??= this.#claim().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Claims a block in the background when the own ones are nearly full. */
  claimAhead(): void {
    const { clock, fenced } = this.#share.options;
    if (this.#running !== undefined || clock.now() < this.#fullUntil) return;
    if (fenced() !== undefined || !this.isLow()) return;
    this.claim().then(
      () => undefined,
      (error: unknown) =>
        this.#share.options.log.warn(
          { network: this.#share.network, error: errorMessage(error) },
          'no address block could be claimed ahead of need',
        ),
    );
  }

  /** Whether the own blocks, or all of them but one, are nearly full. */
  isLow(without?: bigint): boolean {
    const { own } = this.#share;
    const { first, last } = this.#share.grid.range(0n);
    const quarter = (last - first + 1n) / 4n;
    const enough = quarter > BigInt(LOW_WATER) ? LOW_WATER : Number(quarter);
    let room = 0;
    for (const index of own) {
      if (index !== without) room += this.#share.room(index, enough - room);
      if (room >= enough) return false;
    }
    return true;
  }

  async #claim(): Promise<ClaimOutcome> {
    const tried = new Set<bigint>();
    while (tried.size < TRIES) {
      const index = this.#candidate(tried);
      if (index === undefined && tried.size === 0) {
        this.#fullUntil = this.#share.options.clock.now() + FULL_MS;
        return 'full';
      }
      if (index === undefined) return 'busy';
      tried.add(index);
      const outcome = await claimBlock(this.#share, index);
      if (outcome === 'done') return 'claimed';
      if (outcome === 'unavailable') return 'unavailable';
    }
    return 'busy';
  }

  /** Each host begins elsewhere, so that hosts seldom want the same block. */
  #candidate(tried: ReadonlySet<bigint>): bigint | undefined {
    const share = this.#share;
    const blocks = share.automaticBlocks();
    if (blocks === undefined) return undefined;
    const span = blocks.last - blocks.first + 1n;
    const start = preference(share.node, share.network, share.grid.pool) % span;
    for (let step = 0n; step < span; step++) {
      const index = blocks.first + ((start + step) % span);
      if (tried.has(index) || share.recordAt(index).owner !== undefined) continue;
      if (share.room(index, 1) > 0) return index;
    }
    return undefined;
  }
}

/** Makes a block that nobody owns this host's. */
export function claimBlock(share: Share, index: bigint) {
  return share.ledger.propose(share.grid.keyAt(index), (record) =>
    record.owner === undefined && share.options.fenced() === undefined
      ? withOwner(record, share.node)
      : record,
  );
}
