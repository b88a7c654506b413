import { KernelError } from '../../core/errors.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftFamily } from '../../core/nft.ts';
import type { NetlinkReply, NetlinkRequest, NetlinkTransport } from '../netlink/index.ts';
import { attributeMap, needU32 } from './attribute.ts';
import { decodeChain, getChains } from './chain.ts';
import { decodeElements, getElements } from './element.ts';
import type { InstalledContent } from './fingerprint.ts';
import { decodeNftMessage, NFT_MSG, nftMessage } from './message.ts';
import type { InstalledRule } from './rule.ts';
import { decodeRule, getRules } from './rule.ts';
import type { InstalledSet } from './set.ts';
import { decodeSet, getSets } from './set.ts';
import { decodeTable, getTables } from './table.ts';
import { TimeSlice } from './time-slice.ts';

const NFTA_GEN_ID = 1;

export function getGeneration(): NetlinkRequest {
  return nftMessage(NFT_MSG.GETGEN, undefined, 0, []);
}

/** @throws {DecodeError} when the answer to `getGeneration` is something else. */
export function decodeGeneration(reply: NetlinkReply): number {
  return needU32(attributeMap(decodeNftMessage(reply).attributes), NFTA_GEN_ID, 'generation');
}

/** Number of the ruleset's last change in this namespace; every committed transaction raises it. */
export async function readGeneration(transport: NetlinkTransport): Promise<number> {
  const [reply] = await transport.request(getGeneration(), 'read nft generation');
  if (reply === undefined) throw new KernelError('read nft generation: no answer', { errno: 'ENOMSG' });
  return decodeGeneration(reply);
}

/** The `ip` and `ip6` tables there are. */
export async function readTables(
  transport: NetlinkTransport,
): Promise<readonly { readonly family: NftFamily; readonly name: string; readonly flags: number }[]> {
  const replies = await transport.dump(getTables());
  return replies.flatMap((reply) => {
    const { family, attributes } = decodeNftMessage(reply);
    return family === undefined ? [] : [{ family, ...decodeTable(attributes) }];
  });
}

/** The sets of a table; none when there is no such table. */
export async function readSets(
  transport: NetlinkTransport,
  family: NftFamily,
  table: string,
): Promise<readonly InstalledSet[]> {
  const replies = await orNone(transport.dump(getSets(family, table)));
  return replies.map((reply) => decodeSet(decodeNftMessage(reply).attributes));
}

/** What defines a table, or undefined when there is none. Not one moment's view: compare generations around it. */
export async function readContent(
  transport: NetlinkTransport,
  family: NftFamily,
  name: string,
): Promise<InstalledContent | undefined> {
  const tables = await readTables(transport);
  const table = tables.find((candidate) => candidate.family === family && candidate.name === name);
  if (table === undefined) return undefined;
  const [sets, chains, rules] = await Promise.all([
    readSets(transport, family, name),
    transport.dump(getChains(family)),
    transport.dump(getRules(family, name)),
  ]);
  return {
    flags: table.flags,
    sets,
    chains: chains
      .map((reply) => decodeChain(decodeNftMessage(reply).attributes))
      .filter((chain) => chain.table === name),
    rules: rules.map((reply) => decodeRule(decodeNftMessage(reply).attributes, family)),
  };
}

/** The elements of one set; none when the set is gone. */
export async function readElements(
  transport: NetlinkTransport,
  family: NftFamily,
  table: string,
  { set, name }: InstalledSet,
): Promise<readonly ElementObject[]> {
  if (set === undefined) return [];
  const replies = await orNone(transport.dump(getElements({ family, table, set: name })));
  const elements: ElementObject[] = [];
  const slice = new TimeSlice();
  const messages = replies.map((reply) => decodeNftMessage(reply).attributes);
  for (const content of decodeElements(set, messages)) {
    elements.push({ kind: 'element', family, table, set: name, ...content });
    if (slice.over) await slice.next();
  }
  return elements;
}

/** The rules of one chain of any table, in order; none when there is no such chain. */
export async function dumpRules(
  transport: NetlinkTransport,
  family: NftFamily,
  table: string,
  chain: string,
): Promise<readonly InstalledRule[]> {
  const replies = await orNone(transport.dump(getRules(family, table, chain)));
  return replies
    .map((reply) => decodeRule(decodeNftMessage(reply).attributes, family))
    .filter((rule) => rule.chain === chain && rule.table === table);
}

/** Whether a chain exists, in any table. */
export async function chainExists(
  transport: NetlinkTransport,
  family: NftFamily,
  table: string,
  chain: string,
): Promise<boolean> {
  return (await orNone(transport.request(getChains(family, table, chain), `read chain ${chain}`))).length > 0;
}

/** ENOENT means that there is nothing to list. */
async function orNone<T>(replies: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await replies;
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return [];
    throw error;
  }
}
