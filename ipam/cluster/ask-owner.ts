import { randomBytes } from 'node:crypto';
import type { Ip } from '../../core/address.ts';
import { type BlockRecord, type GrantRequest, giverOf, withoutRequest, withRequest } from './block-record.ts';
import { grantsOf, type Share } from './share.ts';
import { within } from './within.ts';

/** What the giver says; `moved`: the block or the address is another's to give by now, or nobody's. */
export type Answer =
  | { readonly kind: 'given'; readonly ip: Ip; readonly wanted: Disposable }
  | { readonly kind: 'denied'; readonly reason: string; readonly elsewhere?: string }
  | { readonly kind: 'moved' | 'unavailable' | 'late' };

/**
 * Asks for an address of a block, or for any when `ip` is absent, whoever has it to give, and waits for the answer. The request is
 * withdrawn when nobody waits any more; an address that is given too late goes back by the upkeep.
 * @param deadline milliseconds since the epoch.
 */
export async function askOwner(
  share: Share,
  index: bigint,
  ip: Ip | undefined,
  deadline: number,
): Promise<Answer> {
  const key = share.grid.keyAt(index);
  const owner = giverOf(share.recordAt(index), ip);
  const id = `${share.node}-${randomBytes(6).toString('hex')}`;
  share.asking.add(id);
  try {
    const request = { node: share.node, ...(ip === undefined ? {} : { ip }) };
    const posted = await post(share, key, id, request, owner, deadline);
    if (posted !== 'done') return { kind: posted };
    const answer = await share.ledger.until(key, deadline, () => read(share, key, id, ip, owner));
    if (answer === undefined) return { kind: 'late' };
    return answer.kind === 'given' ? { ...answer, wanted: share.want(answer.ip) } : answer;
  } finally {
    share.asking.delete(id);
    void withdraw(share, key, id);
  }
}

/** Takes back a request; failing to is no matter, because the upkeep tries again. */
export async function withdraw(share: Share, key: string, id: string): Promise<void> {
  try {
    await share.ledger.propose(key, (record) =>
      record.requests[id] === undefined ? record : withoutRequest(record, id),
    );
  } catch (error) {
    share.options.log.warn({ key, err: error }, 'a request for an address could not be withdrawn yet');
  }
}

async function post(
  share: Share,
  key: string,
  id: string,
  request: GrantRequest,
  owner: string | undefined,
  deadline: number,
): Promise<'done' | 'moved' | 'unavailable' | 'late'> {
  const { ledger, options } = share;
  for (;;) {
    const { revision } = ledger.known(key);
    const proposal = ledger.propose(key, (record) =>
      giverOf(record, request.ip) === owner &&
      owner !== undefined &&
      owner !== share.node &&
      share.asking.has(id)
        ? withRequest(record, id, request)
        : record,
    );
    const outcome = await within(options.clock, deadline, proposal);
    if (outcome === 'unchanged') return 'moved';
    if (outcome !== 'conflict') return outcome;
    const seen = await ledger.until(
      key,
      deadline,
      () => ledger.known(key).revision !== revision || undefined,
    );
    if (seen === undefined) return 'late';
  }
}

function read(
  share: Share,
  key: string,
  id: string,
  ip: Ip | undefined,
  owner: string | undefined,
): { readonly kind: 'given'; readonly ip: Ip } | Exclude<Answer, { readonly kind: 'given' }> | undefined {
  const { record } = share.ledger.known(key);
  const given = ip === undefined ? grantFor(record, id) : share.ledger.isMine(key, ip) ? ip : undefined;
  if (given !== undefined) return { kind: 'given', ip: given };
  const request = record.requests[id];
  if (request === undefined || giverOf(record, ip) !== owner) return { kind: 'moved' };
  const { denied, elsewhere } = request;
  if (denied === undefined) return undefined;
  return { kind: 'denied', reason: denied, ...(elsewhere === undefined ? {} : { elsewhere }) };
}

function grantFor(record: BlockRecord, id: string): Ip | undefined {
  return grantsOf(record).find(([, { request }]) => request === id)?.[0];
}
