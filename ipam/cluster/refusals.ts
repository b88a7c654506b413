import type { Ip } from '../../core/address.ts';
import { Conflict, Exhausted, Unavailable } from '../../core/errors.ts';
import type { Share } from './share.ts';

/** The errors of shared pools: what was asked for, why not, and what to do about it. */
export const refusals = {
  held: (share: Share, ip: Ip, holder: string): Conflict =>
    new Conflict(`address ${ip} of network ${share.network} is in use by ${holder}`, facts(share, { ip })),

  gateway: (share: Share, ip: Ip): Conflict =>
    new Conflict(`address ${ip} of network ${share.network} is in use by the gateway`, facts(share, { ip })),

  virtual: (share: Share, ip: Ip): Conflict =>
    new Conflict(
      `address ${ip} of network ${share.network} is the virtual IP of a service`,
      facts(share, { ip }),
    ),

  silentOwner: (share: Share, ip: Ip, owner: string): Unavailable =>
    new Unavailable(
      `address ${ip} of network ${share.network} is in the block of host ${owner}, which does not answer; weft node rm ${owner} frees it when that host is gone for good`,
      facts(share, { ip, owner }),
    ),

  slowOwner: (share: Share, ip: Ip, owner: string): Unavailable =>
    new Unavailable(
      `address ${ip} of network ${share.network} is in the block of host ${owner}, which did not answer within ${share.options.waitMs} ms`,
      facts(share, { ip, owner }),
    ),

  undecided: (share: Share, ip: Ip): Unavailable =>
    new Unavailable(
      `address ${ip} of network ${share.network} may have been given away: the cluster store has not said yet`,
      facts(share, { ip }),
    ),

  storeForAddress: (share: Share, ip: Ip): Unavailable =>
    new Unavailable(
      `address ${ip} of network ${share.network} is in no block of this host's, and the cluster store does not answer`,
      facts(share, { ip }),
    ),

  storeForBlock: (share: Share): Unavailable =>
    new Unavailable(
      `${ownBlocks(share)}, and the cluster store does not answer, so that no other can be claimed`,
      facts(share),
    ),

  full: (share: Share, silent: readonly string[]): Exhausted => {
    const gone =
      silent.length === 0
        ? ''
        : `; ${silent.join(', ')} ${silent.length === 1 ? 'does' : 'do'} not answer: weft node rm frees the blocks of a host that is gone for good`;
    return new Exhausted(
      `subnet ${share.grid.pool} of network ${share.network} is full: every block is owned, ${ownBlocks(share)}, and no other host has a free address${gone}`,
      facts(share),
    );
  },

  fenced: (share: Share, reason: string): Unavailable =>
    new Unavailable(`this host must not give addresses of network ${share.network}: ${reason}`, facts(share)),
} as const;

function ownBlocks(share: Share): string {
  const { own } = share;
  if (own.length === 0) return `this host has no address block of network ${share.network}`;
  const { resting } = share.pool.addresses;
  const rest = resting.size === 0 ? '' : ` (${resting.size} addresses rest)`;
  return own.length === 1
    ? `this host's block of network ${share.network} is full${rest}`
    : `this host's ${own.length} blocks of network ${share.network} are full${rest}`;
}

function facts(share: Share, more: Readonly<Record<string, string>> = {}) {
  return { network: share.network, pool: share.grid.pool, ...more };
}
