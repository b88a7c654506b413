import type { Ip } from '../../core/address.ts';
import { ipToBigint } from '../../core/address.ts';
import type { Outcome } from './block-ledger.ts';
import {
  type BlockRecord,
  type GrantRequest,
  requestsFor,
  withGrant,
  withoutRequest,
  withRequest,
} from './block-record.ts';
import type { Share } from './share.ts';

/**
 * Answers every request that this host can, in one change of the block's record: as the block's owner, or for a single
 * address that it was granted.
 */
export function answerRequests(share: Share, index: bigint): Promise<Outcome> {
  return share.ledger.propose(share.grid.keyAt(index), (record) => {
    let answered = record;
    for (const [id, request] of requestsFor(record, share.node)) {
      answered = answer(share, index, answered, id, request);
    }
    return answered;
  });
}

function answer(
  share: Share,
  index: bigint,
  record: BlockRecord,
  id: string,
  request: GrantRequest,
): BlockRecord {
  const rest = withoutRequest(record, id);
  if (request.node === share.node) return rest;
  const { ip, node } = request;
  if (ip === undefined) {
    const free = freeAddress(share, index, record);
    if (free !== undefined) return withGrant(rest, free, { node, request: id });
    return withRequest(record, id, { ...request, denied: 'full', ...elsewhere(share, index) });
  }
  const denied = refusal(share, index, ip);
  return denied === undefined
    ? withGrant(rest, ip, { node })
    : withRequest(record, id, { ...request, denied: denied.slice(0, 1000) });
}

/** A resting address is given to who asks for it by name, as on one host. */
function refusal(share: Share, index: bigint, ip: Ip): string | undefined {
  if (!share.grid.contains(ip) || share.grid.indexOf(ip) !== index) return 'an address of another block';
  if (share.reserved.has(ip)) return 'the network itself';
  if (share.virtual.has(ip)) return 'a service, as its virtual IP';
  if (share.isFree(ip)) return undefined;
  const name = share.pool.addresses.held.get(ip)?.name;
  return share.holderOf(
    ip,
    `${name === undefined ? 'an endpoint' : `endpoint ${name}`} on host ${share.node}`,
  );
}

function freeAddress(share: Share, index: bigint, record: BlockRecord): Ip | undefined {
  const { addresses } = share.pool;
  let { first, last } = share.automatic(index);
  for (;;) {
    const ip = addresses.firstFreeIn({ first, last });
    if (ip === undefined) return undefined;
    if (record.grants[ip] === undefined && !share.isWanted(ip)) return ip;
    first = ipToBigint(ip) + 1n;
  }
}

function elsewhere(share: Share, full: bigint): { readonly elsewhere?: string } {
  const roomy = share.own.find((index) => index !== full && share.room(index, 1) > 0);
  return roomy === undefined ? {} : { elsewhere: share.grid.cidrAt(roomy) };
}
