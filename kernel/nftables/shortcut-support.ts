import { KernelError } from '../../core/errors.ts';
import type { NftSet } from '../../core/nft.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import { encodeChain } from './chain.ts';
import { batchBegin, batchEnd, NLM_F } from './message.ts';
import { encodeRule } from './rule.ts';
import { encodeSet } from './set.ts';
import { shortcutRule } from './shortcut.ts';
import { encodeDeleteTable, encodeTable } from './table.ts';

const TABLE = 'weft-probe';
const CHAIN = 'probe';
const SET: NftSet = { name: 'ways', key: ['devgroup', 'ether_addr'], data: ['iface_index'] };
/** What a kernel says that was built without CONFIG_NF_TABLES_NETDEV or CONFIG_NFT_FWD_NETDEV. */
const LACKING = ['ENOENT', 'EOPNOTSUPP', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ENXIO'];

/**
 * Whether the kernel can send frames past a bridge, found out by a transaction that leaves nothing behind.
 * @throws {KernelError} when it refuses for another reason.
 */
export async function hasShortcuts(transport: NetlinkTransport): Promise<boolean> {
  const last = encodeDeleteTable('netdev', TABLE);
  const messages = [
    encodeTable('netdev', TABLE),
    encodeSet('netdev', TABLE, SET, 1),
    encodeChain('netdev', TABLE, { name: CHAIN, rules: [] }),
    encodeRule({ family: 'netdev', table: TABLE, chain: CHAIN }, shortcutRule(SET.name)),
    { ...last, flags: last.flags | NLM_F.ACK },
  ];
  try {
    await transport.batch([batchBegin(), ...messages, batchEnd()]);
    return true;
  } catch (error) {
    if (error instanceof KernelError && LACKING.includes(error.errno)) return false;
    throw error;
  }
}
