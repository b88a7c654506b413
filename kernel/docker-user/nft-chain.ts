import { KernelError } from '../../core/errors.ts';
import type { NftFamily, NftRule } from '../../core/nft.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import {
  batchBegin,
  batchEnd,
  decodeNftMessage,
  decodeRule,
  encodeDeleteRule,
  encodeRule,
  getChains,
  getRules,
  type InstalledRule,
} from '../nftables/index.ts';
import { type AcceptRule, CHAIN, TABLE } from './accept-rule.ts';
import { isBareNftReturn, isNftRule, isOwnNftRule, nftRuleOf } from './nft-rule.ts';

/** How often a rule that somebody deleted between our look and our change is answered by looking again. */
const ATTEMPTS = 5;

/** DOCKER-USER of one family as iptables-nft keeps it: a chain of the nf_tables table `filter`. */
export class NftChain {
  readonly #transport: NetlinkTransport;
  readonly #family: NftFamily;

  /** @param transport of NETLINK_NETFILTER, in the namespace of the chain; stays the caller's. */
  constructor(transport: NetlinkTransport, family: NftFamily) {
    this.#transport = transport;
    this.#family = family;
  }

  /**
   * Makes `rules` all of weft's rules, behind all others that are ever judged: at the end of the chain, or before its
   * first bare RETURN. In one transaction; true when that changed something. A chain that does not exist stays so.
   * @throws {KernelError} when the kernel refuses.
   */
  async set(rules: readonly AcceptRule[]): Promise<boolean> {
    const wanted = rules.map(nftRuleOf);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#setOnce(wanted);
      } catch (error) {
        const changedMeanwhile = error instanceof KernelError && error.errno === 'ENOENT';
        if (!changedMeanwhile || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #setOnce(wanted: readonly NftRule[]): Promise<boolean> {
    const installed = await this.#dump();
    const own = installed.filter(isOwnNftRule);
    const others = installed.filter((rule) => !isOwnNftRule(rule));
    const end = others.find(isBareNftReturn);
    const start = end === undefined ? others.length : others.indexOf(end);
    const right = wanted.every((rule, index) => isNftRule(installed[start + index], rule));
    if (right && own.length === wanted.length) return false;
    // The dump of a chain that does not exist is empty, as that of an empty one.
    if (installed.length === 0 && !(await this.#exists())) return false;
    const chain = { family: this.#family, table: TABLE, chain: CHAIN };
    await this.#transport.batch([
      batchBegin(),
      ...own.map(({ handle }) => encodeDeleteRule(chain, handle)),
      ...wanted.map((rule) => encodeRule(chain, rule, end === undefined ? {} : { before: end.handle })),
      batchEnd(),
    ]);
    return true;
  }

  async #dump(): Promise<readonly InstalledRule[]> {
    const replies = await this.#transport.dump(getRules(this.#family, TABLE, CHAIN));
    return replies
      .map((reply) => decodeRule(decodeNftMessage(reply).attributes, this.#family))
      .filter(({ table, chain }) => table === TABLE && chain === CHAIN);
  }

  async #exists(): Promise<boolean> {
    try {
      await this.#transport.request(getChains(this.#family, TABLE, CHAIN), `look for chain ${CHAIN}`);
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.errno === 'ENOENT') return false;
      throw error;
    }
  }
}
