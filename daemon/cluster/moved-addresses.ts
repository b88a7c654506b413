import type { Ip } from '../../core/address.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { NeighbourObject } from '../../core/kernel-objects.ts';
import type { Kernel, Step } from '../../core/ports.ts';

/** How many addresses that nobody has are remembered. */
const REMEMBERED = 4096;
/** As many addresses as one comparison finds new may have moved while nobody looked; more are a host that starts afresh. */
const NEW_AT_ONCE = 1000;

/**
 * Tells containers of this host where an address of another host is now. Containers keep what ARP or ND has told them
 * for seconds, and would send to the old MAC when an address comes back elsewhere.
 */
export class MovedAddresses {
  readonly #kernel: Pick<Kernel, 'announce'>;
  /** MAC that an address had last, by bridge and address. */
  readonly #last = new Map<string, Mac>();

  constructor(kernel: Pick<Kernel, 'announce'>) {
    this.#kernel = kernel;
  }

  /** The address is nobody's for now. */
  left(dev: IfName, ip: Ip, mac: Mac): void {
    const key = `${dev} ${ip}`;
    this.#last.delete(key);
    this.#last.set(key, mac);
    const [oldest] = this.#last.keys();
    if (this.#last.size > REMEMBERED && oldest !== undefined) this.#last.delete(oldest);
  }

  /**
   * After a comparison has made entries: who had these addresses while nobody looked is not known.
   * @throws {KernelError} when an announcement cannot be sent.
   */
  async heedRepairs(steps: readonly Step[]): Promise<void> {
    await this.heed(steps);
    const found = steps.filter(isNewNeighbour).map(({ object }) => object);
    if (found.length > NEW_AT_ONCE) return;
    for (const { dev, ip, mac } of found) await this.#kernel.announce(dev, ip, mac, 'remote');
  }

  /**
   * After entries of other hosts' containers have changed.
   * @throws {KernelError} when an announcement cannot be sent.
   */
  async heed(steps: readonly Step[]): Promise<void> {
    for (const { op, object } of steps) {
      if (object.kind !== 'neighbour') continue;
      const { dev, ip, mac } = object;
      if (op === 'delete') this.left(dev, ip, mac);
      else if (op === 'replace' || this.#hasMoved(dev, ip, mac))
        await this.#kernel.announce(dev, ip, mac, 'remote');
    }
  }

  #hasMoved(dev: IfName, ip: Ip, mac: Mac): boolean {
    const key = `${dev} ${ip}`;
    const before = this.#last.get(key);
    this.#last.delete(key);
    return before !== undefined && before !== mac;
  }
}

function isNewNeighbour(step: Step): step is Step & { readonly object: NeighbourObject } {
  return step.op === 'create' && step.object.kind === 'neighbour';
}
