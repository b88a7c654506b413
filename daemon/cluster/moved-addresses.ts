import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';

/** How many addresses that nobody has are remembered. */
const REMEMBERED = 4096;

/**
 * Which MAC an address had last. Containers keep what ARP or ND has told them for seconds, and would send to the old
 * MAC when an address comes back elsewhere; so its move must be announced to them.
 */
export class MovedAddresses {
  readonly #last = new Map<string, Mac>();

  /** The address is nobody's for now. */
  left(network: string, ip: Ip, mac: Mac): void {
    const key = `${network} ${ip}`;
    this.#last.delete(key);
    this.#last.set(key, mac);
    const [oldest] = this.#last.keys();
    if (this.#last.size > REMEMBERED && oldest !== undefined) this.#last.delete(oldest);
  }

  /** Whether the address had another MAC before. */
  hasMoved(network: string, ip: Ip, mac: Mac): boolean {
    const key = `${network} ${ip}`;
    const before = this.#last.get(key);
    this.#last.delete(key);
    return before !== undefined && before !== mac;
  }
}
