import type { Ip } from '../../core/address.ts';
import { askOwner } from './ask-owner.ts';
import { preference } from './block-grid.ts';
import { withGrant } from './block-record.ts';
import { refusals } from './refusals.ts';
import type { Share } from './share.ts';
import { within } from './within.ts';

/** Owners asked for an address of theirs by one request. */
const OWNERS_ASKED = 8;
/** An owner that had nothing is not asked again so soon, so that the next request asks others. */
const FULL_OWNER_MS = 5_000;

/**
 * Makes sure that this host may hold an address, wherever it is. The caller has wanted it already, and must find out
 * by itself whether something here holds it.
 * @param deadline milliseconds since the epoch.
 * @throws {Conflict} naming who has it; {Unavailable} when its owner or the store does not answer.
 */
export async function acquire(share: Share, ip: Ip, deadline: number): Promise<void> {
  const key = share.keyOf(ip);
  while (!share.ledger.isMine(key, ip)) await approach(share, key, ip, deadline);
}

/** One step towards the address being this host's; what it has changed is looked at afresh. */
async function approach(share: Share, key: string, ip: Ip, deadline: number): Promise<void> {
  const { record, revision } = share.ledger.known(key);
  const grant = record.grants[ip];
  if (grant !== undefined && grant.node !== share.node) {
    // A host that answers says itself whether it still uses the address.
    if (!share.options.isAlive(grant.node))
      throw refusals.held(share, ip, share.holderOf(ip, `host ${grant.node}`));
    await takeFrom(share, grant.node, ip, deadline);
    return;
  }
  if (grant !== undefined || record.owner === share.node) {
    // This host has it by the copy, and has offered to give it away.
    if (!(await settled(share, key, ip, revision, deadline))) throw refusals.undecided(share, ip);
    return;
  }
  if (record.owner === undefined) await takeUnowned(share, key, ip, deadline);
  else await takeFrom(share, record.owner, ip, deadline);
}

async function takeUnowned(share: Share, key: string, ip: Ip, deadline: number): Promise<void> {
  const { ledger, options } = share;
  const { revision } = ledger.known(key);
  const proposal = ledger.propose(key, (record) =>
    record.owner === undefined && record.grants[ip] === undefined
      ? withGrant(record, ip, { node: share.node })
      : record,
  );
  const outcome = await within(options.clock, deadline, proposal);
  const moved =
    outcome === 'done' ||
    outcome === 'unchanged' ||
    (outcome === 'conflict' && (await settled(share, key, ip, revision, deadline)));
  if (!moved) throw refusals.storeForAddress(share, ip);
}

/** Waits for the block to change, or for the address to be this host's. */
async function settled(
  share: Share,
  key: string,
  ip: Ip,
  revision: bigint,
  deadline: number,
): Promise<boolean> {
  const { ledger } = share;
  const change = await ledger.until(
    key,
    deadline,
    () => ledger.known(key).revision !== revision || ledger.isMine(key, ip) || undefined,
  );
  return change === true;
}

async function takeFrom(share: Share, owner: string, ip: Ip, deadline: number): Promise<void> {
  if (!share.options.isAlive(owner)) throw refusals.silentOwner(share, ip, owner);
  const answer = await askOwner(share, share.grid.indexOf(ip), ip, deadline);
  switch (answer.kind) {
    case 'given':
      answer.wanted[Symbol.dispose]();
      return;
    case 'moved':
      if (share.options.clock.now() >= deadline) throw refusals.slowOwner(share, ip, owner);
      return;
    case 'denied':
      throw refusals.held(share, ip, answer.reason);
    case 'unavailable':
      throw refusals.storeForAddress(share, ip);
    case 'late':
      throw share.options.isAlive(owner)
        ? refusals.slowOwner(share, ip, owner)
        : refusals.silentOwner(share, ip, owner);
  }
}

/** Finds single addresses in a subnet where every block is owned. */
export class SingleAddresses {
  readonly #share: Share;
  readonly #fullUntil = new Map<string, number>();

  constructor(share: Share) {
    this.#share = share;
  }

  /**
   * An address of another host's block, given to this one; undefined when a block has been freed meanwhile.
   * @throws {Exhausted} when no owner that answers has one; {Unavailable} when the store does not answer.
   */
  async take(): Promise<{ readonly ip: Ip; readonly wanted: Disposable } | undefined> {
    const { clock, isAlive, waitMs } = this.#share.options;
    const owners = this.#owners();
    const deadline = clock.now() + 2 * waitMs;
    for (const [owner, index] of this.#order(owners).slice(0, OWNERS_ASKED)) {
      const answer = await this.#ask(index, Math.min(deadline, clock.now() + waitMs / 2));
      if (answer.kind === 'given') return answer;
      if (answer.kind === 'moved') return undefined;
      if (answer.kind === 'unavailable') throw refusals.storeForBlock(this.#share);
      if (answer.kind === 'denied') this.#fullUntil.set(owner, clock.now() + FULL_OWNER_MS);
      if (clock.now() >= deadline) break;
    }
    throw refusals.full(
      this.#share,
      [...owners.keys()].filter((owner) => !isAlive(owner)),
    );
  }

  async #ask(index: bigint, deadline: number) {
    const answer = await askOwner(this.#share, index, undefined, deadline);
    if (answer.kind !== 'denied' || answer.elsewhere === undefined) return answer;
    const other = this.#share.grid.parseCidr(answer.elsewhere);
    return other === undefined ? answer : askOwner(this.#share, other, undefined, deadline);
  }

  /** A block of each other owner. */
  #owners(): ReadonlyMap<string, bigint> {
    const share = this.#share;
    const found = new Map<string, bigint>();
    for (const [index, { owner }] of share.recorded()) {
      const { first, last } = share.automatic(index);
      if (owner !== undefined && owner !== share.node && first <= last) found.set(owner, index);
    }
    return found;
  }

  /** Hosts that answer; first those that had something the last time, each host beginning with another. */
  #order(owners: ReadonlyMap<string, bigint>): readonly (readonly [string, bigint])[] {
    const { clock, isAlive } = this.#share.options;
    const full = (owner: string) => ((this.#fullUntil.get(owner) ?? 0) > clock.now() ? 1 : 0);
    const place = new Map([...owners.keys()].map((owner) => [owner, preference(this.#share.node, owner)]));
    return [...owners]
      .filter(([owner]) => isAlive(owner))
      .sort(([a], [b]) => full(a) - full(b) || ((place.get(a) ?? 0n) < (place.get(b) ?? 0n) ? -1 : 1));
  }
}
