import type { Ip } from '../../core/address.ts';
import { answerRequests } from './answer-requests.ts';
import { withdraw } from './ask-owner.ts';
import type { Outcome } from './block-ledger.ts';
import { type BlockRecord, requestsFor, withoutGrant, withoutOwner, withoutRequest } from './block-record.ts';
import type { BlockClaims } from './claim-blocks.ts';
import { grantsOf, type Share } from './share.ts';

/** Changes begun by one round for one subnet: the next comes soon. */
const CHANGES_IN_ONE_ROUND = 32;

/**
 * What has to be done for a shared subnet though nobody waits for it: answer requests, give back grants that are not
 * used and blocks that have been empty for a while, take back requests of earlier processes, claim ahead of need.
 */
export class Upkeep {
  readonly #share: Share;
  readonly #claims: BlockClaims;
  /** Since when own blocks have had nothing in them. */
  readonly #idleSince = new Map<bigint, number>();

  constructor(share: Share, claims: BlockClaims) {
    this.#share = share;
    this.#claims = claims;
  }

  /** One round. Rejects only when this host's own store fails. */
  async round(): Promise<void> {
    const share = this.#share;
    const { clock, fenced } = share.options;
    share.pool.wake(clock.now());
    if (fenced() !== undefined) return;
    this.#claims.claimAhead();
    const changes: Promise<unknown>[] = [];
    for (const [index, record] of share.recorded()) {
      if (changes.length >= CHANGES_IN_ONE_ROUND) break;
      changes.push(...this.#changesOf(index, record));
    }
    const idle = this.#idle();
    if (idle !== undefined) changes.push(giveBack(share, idle));
    await Promise.all(changes);
  }

  *#changesOf(index: bigint, record: BlockRecord): Iterable<Promise<unknown>> {
    const share = this.#share;
    const key = share.grid.keyAt(index);
    for (const [id, { node }] of Object.entries(record.requests)) {
      if (node === share.node && !share.asking.has(id)) yield withdraw(share, key, id);
    }
    if (requestsFor(record, share.node).length > 0) yield answerRequests(share, index);
    if (record.owner === share.node || record.owner === undefined) {
      const dead = Object.values(record.requests).some(({ node }) => !share.options.isAlive(node));
      if (dead) yield dropDeadRequests(share, key);
    }
    if (record.owner !== share.node) {
      for (const ip of unusedGrants(share, record)) yield returnGrant(share, key, ip);
    }
  }

  /** An own block that has been empty long enough and is not needed as a reserve. */
  #idle(): bigint | undefined {
    const share = this.#share;
    const now = share.options.clock.now();
    const { own } = share;
    const gone = [...this.#idleSince.keys()].filter((index) => !own.includes(index));
    for (const index of gone) this.#idleSince.delete(index);
    let found: bigint | undefined;
    for (const index of own) {
      const since = this.#idleSince.get(index) ?? now;
      if (share.isBusy(index)) this.#idleSince.delete(index);
      else this.#idleSince.set(index, since);
      if (this.#idleSince.has(index) && now - since >= share.options.idleMs) found = index;
    }
    return found !== undefined && own.length > 1 && !this.#claims.isLow(found) ? found : undefined;
  }
}

function unusedGrants(share: Share, record: BlockRecord): readonly Ip[] {
  const grants = grantsOf(record).filter(([, { node }]) => node === share.node);
  return grants.flatMap(([ip]) => (isUnused(share, record, ip) ? [ip] : []));
}

function isUnused(share: Share, record: BlockRecord, ip: Ip): boolean {
  const { held, resting } = share.pool.addresses;
  const request = record.grants[ip]?.request;
  const awaited = request !== undefined && share.asking.has(request);
  return !awaited && !held.has(ip) && !resting.has(ip) && !share.isWanted(ip);
}

function returnGrant(share: Share, key: string, ip: Ip): Promise<Outcome> {
  return share.ledger.propose(key, (record) =>
    record.owner !== share.node && record.grants[ip]?.node === share.node && isUnused(share, record, ip)
      ? withoutGrant(record, ip)
      : record,
  );
}

function giveBack(share: Share, index: bigint): Promise<Outcome> {
  return share.ledger.propose(share.grid.keyAt(index), (record) =>
    record.owner === share.node && !share.isBusy(index) && requestsFor(record, share.node).length === 0
      ? withoutOwner(record)
      : record,
  );
}

function dropDeadRequests(share: Share, key: string): Promise<Outcome> {
  return share.ledger.propose(key, (record) => {
    let rest = record;
    for (const [id, { node }] of Object.entries(record.requests)) {
      if (!share.options.isAlive(node)) rest = withoutRequest(rest, id);
    }
    return rest;
  });
}
