import { DecodeError } from '../../core/errors.ts';
import type { NetlinkNotification } from '../netlink/index.ts';
import { attributeMap } from './attribute.ts';
import { decodeNftMessage, NFT_MSG } from './message.ts';

/** NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_SET_ELEM_LIST_TABLE: all are 1. */
const NFTA_TABLE = 1;
/** The attribute that names a chain, by message type: NFTA_CHAIN_NAME, NFTA_RULE_CHAIN. */
const NFTA_CHAIN: ReadonlyMap<number, number> = new Map<number, number>([
  [NFT_MSG.NEWCHAIN, 3],
  [NFT_MSG.DELCHAIN, 3],
  [NFT_MSG.NEWRULE, 2],
  [NFT_MSG.DELRULE, 2],
]);

/** What is worth looking at again when others change it. */
export interface WatchedNames {
  readonly tables: ReadonlySet<string>;
  /** In whatever table. */
  readonly chains: ReadonlySet<string>;
}

/**
 * Reads the notifications of transactions, details first and NFT_MSG_NEWGEN last (net/netfilter/nf_tables_api.c:
 * nf_tables_commit()), and says when somebody else's has touched what is watched. Other firewalls commit all the
 * time: dockerd does at every container of its own bridges.
 */
export class CommitWatch {
  readonly #ownPort: number;
  readonly #names: WatchedNames;
  #touched = false;

  /** @param ownPort netlink port of weft's own transactions. */
  constructor(ownPort: number, names: WatchedNames) {
    this.#ownPort = ownPort;
    this.#names = names;
  }

  /** Takes the next notification; true at the end of a transaction that matters. What cannot be read matters. */
  take(message: NetlinkNotification): boolean {
    if (message.port === this.#ownPort) return false;
    try {
      const { type, attributes } = decodeNftMessage(message);
      if (type !== NFT_MSG.NEWGEN) {
        this.#touched ||= this.#matters(type, attributes);
        return false;
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#touched = true;
    }
    const touched = this.#touched;
    this.#touched = false;
    return touched;
  }

  #matters(type: number, attributes: Uint8Array): boolean {
    const fields = attributeMap(attributes);
    const table = text(fields.get(NFTA_TABLE));
    if (this.#names.tables.has(table)) return true;
    const chain = NFTA_CHAIN.get(type);
    return chain !== undefined && this.#names.chains.has(text(fields.get(chain)));
  }
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString()
    .replace(/\0.*$/s, '');
}
