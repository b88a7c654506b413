import { existsSync } from 'node:fs';
import { DecodeError } from '../../core/errors.ts';
import type { NetlinkReply } from '../netlink/index.ts';
import { attributeMap, toU32 } from './attribute.ts';
import { decodeNftMessage, NFT_MSG } from './message.ts';

const NFTA_GEN_PROC_PID = 2;

/**
 * Whether a notification says that another process committed a transaction (NFT_MSG_NEWGEN, which follows the
 * transaction's details). The kernel names the thread that sent it (net/netfilter/nf_tables_api.c:
 * nf_tables_fill_gen_info()), which for weft is one of its thread pool.
 */
export function isForeignCommit(message: NetlinkReply): boolean {
  try {
    const { type, attributes } = decodeNftMessage(message);
    if (type !== NFT_MSG.NEWGEN) return false;
    const thread = attributeMap(attributes).get(NFTA_GEN_PROC_PID);
    return thread === undefined || !existsSync(`/proc/self/task/${toU32(thread)}`);
  } catch (error) {
    // What cannot be read may be a change.
    if (error instanceof DecodeError) return true;
    throw error;
  }
}
