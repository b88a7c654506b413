import type { NftChain, NftFamily } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import {
  attributeMap,
  attributeNest,
  attributeText,
  attributeU32,
  need,
  needText,
  needU32,
} from './attribute.ts';
import { NFT_MSG, NLM_F, nftMessage } from './message.ts';

const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_HOOK_DEV = 3;
/** include/uapi/linux/netfilter.h: NF_NETDEV_INGRESS. */
const INGRESS = 0;

type Base = NonNullable<NftChain['base']>;

/** include/uapi/linux/netfilter.h: enum nf_inet_hooks; NF_DROP, NF_ACCEPT. */
const HOOKS: readonly Base['hook'][] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const POLICIES: readonly Base['policy'][] = ['drop', 'accept'];

/** Adds a chain without its rules; for a base chain that is there already, sets its policy. */
export function encodeChain(family: NftFamily, table: string, chain: NftChain): NetlinkRequest {
  const { base } = chain;
  const hook = base && [
    attributeText(NFTA_CHAIN_TYPE, base.type),
    attributeU32(NFTA_CHAIN_POLICY, POLICIES.indexOf(base.policy)),
    attributeNest(NFTA_CHAIN_HOOK, [
      attributeU32(NFTA_HOOK_HOOKNUM, HOOKS.indexOf(base.hook)),
      attributeU32(NFTA_HOOK_PRIORITY, base.priority),
    ]),
  ];
  return nftMessage(NFT_MSG.NEWCHAIN, family, NLM_F.CREATE, [
    attributeText(NFTA_CHAIN_TABLE, table),
    attributeText(NFTA_CHAIN_NAME, chain.name),
    ...(hook ?? []),
  ]);
}

/** Adds a chain for what comes in by a device; EEXIST when there is one of its name. */
export function encodeIngressChain(table: string, chain: string, device: string): NetlinkRequest {
  return nftMessage(NFT_MSG.NEWCHAIN, 'netdev', NLM_F.CREATE | NLM_F.EXCL, [
    attributeText(NFTA_CHAIN_TABLE, table),
    attributeText(NFTA_CHAIN_NAME, chain),
    attributeText(NFTA_CHAIN_TYPE, 'filter'),
    attributeU32(NFTA_CHAIN_POLICY, POLICIES.indexOf('accept')),
    attributeNest(NFTA_CHAIN_HOOK, [
      attributeU32(NFTA_HOOK_HOOKNUM, INGRESS),
      attributeU32(NFTA_HOOK_PRIORITY, 0),
      attributeText(NFTA_HOOK_DEV, device),
    ]),
  ]);
}

/** Deletes a chain; the kernel refuses with EBUSY while a rule or element points to it. */
export function encodeDeleteChain(family: NftFamily, table: string, chain: string): NetlinkRequest {
  return nftMessage(NFT_MSG.DELCHAIN, family, 0, [
    attributeText(NFTA_CHAIN_TABLE, table),
    attributeText(NFTA_CHAIN_NAME, chain),
  ]);
}

/** A request for one chain, or with no names a dump request for all chains of the family. */
export function getChains(family: NftFamily, table?: string, chain?: string): NetlinkRequest {
  return nftMessage(NFT_MSG.GETCHAIN, family, 0, [
    ...(table === undefined ? [] : [attributeText(NFTA_CHAIN_TABLE, table)]),
    ...(chain === undefined ? [] : [attributeText(NFTA_CHAIN_NAME, chain)]),
  ]);
}

/** A chain in the kernel. `base` texts are the kernel's, which may be ones `NftChain` does not know. */
export interface InstalledChain {
  readonly table: string;
  readonly name: string;
  readonly base?: {
    readonly type: string;
    readonly hook: string;
    readonly priority: number;
    readonly policy: string;
    /** Of family netdev, while the device is there. */
    readonly device?: string;
  };
}

/** @throws {DecodeError} when an attribute is missing. */
export function decodeChain(attributes: Uint8Array): InstalledChain {
  const map = attributeMap(attributes);
  const chain = {
    table: needText(map, NFTA_CHAIN_TABLE, 'chain'),
    name: needText(map, NFTA_CHAIN_NAME, 'chain'),
  };
  if (!map.has(NFTA_CHAIN_HOOK)) return chain;
  const hook = attributeMap(need(map, NFTA_CHAIN_HOOK, 'chain'));
  const hooknum = needU32(hook, NFTA_HOOK_HOOKNUM, 'chain hook');
  const policy = needU32(map, NFTA_CHAIN_POLICY, 'chain');
  return {
    ...chain,
    base: {
      type: needText(map, NFTA_CHAIN_TYPE, 'chain'),
      hook: HOOKS[hooknum] ?? String(hooknum),
      priority: needU32(hook, NFTA_HOOK_PRIORITY, 'chain hook') | 0,
      policy: POLICIES[policy] ?? String(policy),
      ...(hook.has(NFTA_HOOK_DEV) ? { device: needText(hook, NFTA_HOOK_DEV, 'chain hook') } : {}),
    },
  };
}
