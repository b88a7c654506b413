import type { NftRule } from '../../core/nft.ts';
import type { NetlinkRequest, NetlinkTransport } from '../netlink/index.ts';
import { batchBegin, batchEnd, NLM_F } from './message.ts';
import type { ChainAddress } from './rule.ts';
import { encodeDeleteRule, encodeRule } from './rule.ts';

/**
 * Adds one rule to a chain of any table, in a transaction of its own.
 * @throws {KernelError} ENOENT when there is no such chain.
 */
export function addRule(
  transport: NetlinkTransport,
  address: ChainAddress,
  rule: NftRule,
  options: { readonly position?: 'first' } = {},
): Promise<void> {
  return alone(
    transport,
    encodeRule(address, rule, options),
    `create rule "${rule.comment}" of chain ${address.chain}`,
  );
}

/**
 * Deletes one rule of any table by its handle, in a transaction of its own.
 * @throws {KernelError} ENOENT when it is gone.
 */
export function deleteRule(
  transport: NetlinkTransport,
  address: ChainAddress,
  handle: bigint,
): Promise<void> {
  return alone(
    transport,
    encodeDeleteRule(address, handle),
    `delete rule ${handle} of chain ${address.chain}`,
  );
}

function alone(transport: NetlinkTransport, message: NetlinkRequest, step: string): Promise<void> {
  const messages = [batchBegin(), { ...message, flags: message.flags | NLM_F.ACK }, batchEnd()];
  return transport.batch(messages, ['begin nft transaction', step, 'commit nft transaction']);
}
