import type { NftFamily } from '../../../core/nft.ts';
import { TABLE } from '../../../drivers/index.ts';
import type { NetlinkRequest, NetlinkTransport } from '../../../kernel/netlink/index.ts';
import {
  decodeChain,
  decodeNftMessage,
  decodeRule,
  getChains,
  getRules,
  type InstalledChain,
  type InstalledRule,
} from '../../../kernel/nftables/index.ts';

/** Families whose forward chains routed packets pass; NFPROTO numbers of include/uapi/linux/netfilter.h. */
const NFPROTO = { ip: 2, ip6: 10, inet: 1 } as const;
type ForwardFamily = keyof typeof NFPROTO;

/** A table that is not weft's and has a base chain on the forward hook. */
export interface ForwardTable {
  readonly family: ForwardFamily;
  readonly name: string;
  readonly chains: readonly InstalledChain[];
  readonly rules: readonly InstalledRule[];
}

/** Reads them with all their rules. @throws {KernelError} when the kernel refuses, as without nf_tables. */
export async function readForwardTables(transport: NetlinkTransport): Promise<readonly ForwardTable[]> {
  const tables: ForwardTable[] = [];
  for (const family of ['ip', 'ip6', 'inet'] as const) {
    const replies = await transport.dump(ofFamily(getChains('ip'), family));
    const chains = replies.map((reply) => decodeChain(decodeNftMessage(reply).attributes));
    const names = new Set(chains.filter(isForward).map(({ table }) => table));
    for (const name of names) {
      if (name === TABLE && family !== 'inet') continue;
      tables.push({
        family,
        name,
        chains: chains.filter(({ table }) => table === name),
        rules: await readRules(transport, family, name),
      });
    }
  }
  return tables;
}

/** Whether it is a base chain that sees forwarded packets and can drop them. */
export function isForward({ base }: InstalledChain): boolean {
  return base?.hook === 'forward' && base.type === 'filter';
}

async function readRules(
  transport: NetlinkTransport,
  family: ForwardFamily,
  table: string,
): Promise<readonly InstalledRule[]> {
  // Addresses in expressions of an inet table are not looked at, so their family does not matter.
  const decodedAs: NftFamily = family === 'inet' ? 'ip' : family;
  const replies = await transport.dump(ofFamily(getRules('ip', table), family));
  return replies.map((reply) => decodeRule(decodeNftMessage(reply).attributes, decodedAs));
}

/** The same request for another family, which is the first byte of struct nfgenmsg. */
function ofFamily(request: NetlinkRequest, family: ForwardFamily): NetlinkRequest {
  const payload = Uint8Array.from(request.payload);
  payload[0] = NFPROTO[family];
  return { ...request, payload };
}
