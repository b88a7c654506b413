import {
  type Cidr,
  cidrContains,
  cidrRange,
  familyOf,
  type Ip,
  ipFromBigint,
  ipToBigint,
} from '../../../core/address.ts';
import { GENERIC } from './requests.ts';
import type { Wire } from './weftd-process.ts';

/** One pool as the recorded IPAM and weft's know it. */
interface PoolPair {
  readonly weftId: string;
  readonly recorded: Cidr;
  readonly weft: Cidr;
  /** Addresses each of the two chose, by the recorded one's text. */
  readonly chosen: Map<string, string>;
}

const SPACES: Readonly<Record<string, string>> = { L: 'WeftLocal', G: 'WeftGlobal' };

/**
 * The recordings were made with another IPAM, whose spaces, pool ids and choices are not weft's. What an engine was
 * told then is replaced by what weft told now, the same everywhere: pool ids by the id of weft's answer, addresses
 * that were chosen by those weft chose, others of a chosen pool by those at the same place in weft's. A pool that
 * weft did not give keeps its recorded id.
 */
export class Translation {
  readonly #pools = new Map<string, PoolPair>();
  readonly #unknownOptions = new Set<string>();

  /**
   * Notes an option that weft has refused by name: the recorder took every one. It is left out from then on, as the
   * user who is told would do. Gives whether there was one.
   */
  dropsOption(err: unknown): boolean {
    const key = /has no option "([^"]+)"/.exec(String(err))?.[1];
    if (key === undefined || this.#unknownOptions.has(key)) return false;
    this.#unknownOptions.add(key);
    return true;
  }

  /** The arguments of a network driver's call, without the options that weft refuses. */
  withoutUnknown(body: Wire): Wire {
    const keep = (options: unknown): unknown =>
      typeof options !== 'object' || options === null || Array.isArray(options)
        ? options
        : Object.fromEntries(
            Object.entries(options)
              .filter(([key]) => !this.#unknownOptions.has(key))
              .map(([key, value]) => [key, key === GENERIC ? keep(value) : value]),
          );
    return 'Options' in body ? { ...body, Options: keep(body['Options']) } : body;
  }

  /** The arguments of an IPAM call as an engine would send them to weft. */
  request(method: string, body: Wire): Wire {
    const { AddressSpace, PoolID, Address } = body;
    if (method === 'IpamDriver.RequestPool') {
      return { ...body, AddressSpace: SPACES[String(AddressSpace)] ?? AddressSpace };
    }
    const pool = this.#pools.get(String(PoolID));
    if (pool === undefined) return body;
    const address = Address === undefined || Address === '' ? {} : { Address: place(pool, String(Address)) };
    return { ...body, PoolID: pool.weftId, ...address };
  }

  /** Learns from an answered pair; `recorded` is what the other IPAM answered to `body`. */
  learn(method: string, body: Wire, recorded: Wire, weft: Wire): void {
    if (method === 'IpamDriver.RequestPool' && typeof recorded['PoolID'] === 'string') {
      this.#pools.set(recorded['PoolID'], {
        weftId: String(weft['PoolID']),
        recorded: recorded['Pool'] as Cidr,
        weft: weft['Pool'] as Cidr,
        chosen: new Map(),
      });
    }
    if (method === 'IpamDriver.RequestAddress' && body['Address'] === '') {
      const plain = (answer: Wire) => String(answer['Address']).split('/')[0] ?? '';
      this.#pools.get(String(body['PoolID']))?.chosen.set(plain(recorded), plain(weft));
    }
  }
}

function place({ recorded, weft, chosen }: PoolPair, address: string): string {
  const known = chosen.get(address);
  if (known !== undefined || recorded === weft || !cidrContains(recorded, address as Ip))
    return known ?? address;
  const offset = ipToBigint(address as Ip) - cidrRange(recorded).first;
  return ipFromBigint(cidrRange(weft).first + offset, familyOf(weft));
}
