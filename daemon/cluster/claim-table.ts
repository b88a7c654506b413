import type { Ip } from '../../core/address.ts';
import type { RemoteEndpoint } from '../../core/cluster.ts';
import type { Mac } from '../../core/ids.ts';

/** An endpoint as told by its host, and when. */
export interface Claim {
  readonly remote: RemoteEndpoint;
  readonly revision: bigint;
}

interface Held extends Claim {
  /** As keys of the table. */
  readonly addresses: readonly string[];
}

/** Endpoints of other hosts by store key, and who claims which address or MAC of which network. */
export class ClaimTable {
  readonly #claims = new Map<string, Held>();
  readonly #byAddress = new Map<string, readonly string[]>();
  readonly #byNode = new Map<string, Set<string>>();

  get(key: string): Claim | undefined {
    return this.#claims.get(key);
  }

  set(key: string, claim: Claim): void {
    this.delete(key);
    const addresses = addressesOf(claim.remote);
    this.#claims.set(key, { ...claim, addresses });
    for (const address of addresses) {
      const others = this.#byAddress.get(address);
      this.#byAddress.set(address, others === undefined ? [key] : [...others, key]);
    }
    const { node } = claim.remote;
    const own = this.#byNode.get(node);
    if (own === undefined) this.#byNode.set(node, new Set([key]));
    else own.add(key);
  }

  delete(key: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    this.#claims.delete(key);
    for (const address of claim.addresses) {
      const left = (this.#byAddress.get(address) ?? []).filter((each) => each !== key);
      if (left.length === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    }
    const own = this.#byNode.get(claim.remote.node);
    own?.delete(key);
    if (own?.size === 0) this.#byNode.delete(claim.remote.node);
  }

  /** The others that claim an address of this one. */
  rivals(key: string): readonly string[] {
    const claim = this.#claims.get(key);
    if (claim === undefined) return [];
    const rivals: string[] = [];
    for (const address of claim.addresses) {
      for (const each of this.#byAddress.get(address) ?? []) if (each !== key) rivals.push(each);
    }
    return rivals;
  }

  claimants(network: string, address: Ip | Mac): readonly string[] {
    return this.#byAddress.get(`${network} ${address}`) ?? [];
  }

  /** Whether of all that claim its addresses, this one was told last. */
  wins(key: string, counts: (node: string) => boolean): boolean {
    const claim = this.#claims.get(key);
    return (
      claim !== undefined &&
      this.rivals(key).every((rival) => {
        const other = this.#claims.get(rival);
        return other === undefined || !counts(other.remote.node) || other.revision < claim.revision;
      })
    );
  }

  winner(network: string, address: Ip, counts: (node: string) => boolean): RemoteEndpoint | undefined {
    const key = this.claimants(network, address).find((each) => this.wins(each, counts));
    const remote = key === undefined ? undefined : this.#claims.get(key)?.remote;
    return remote !== undefined && counts(remote.node) ? remote : undefined;
  }

  ofNode(node: string): readonly string[] {
    return [...(this.#byNode.get(node) ?? [])];
  }

  ofNetwork(network: string): readonly string[] {
    return [...this.#claims].flatMap(([key, { remote }]) => (remote.network === network ? [key] : []));
  }
}

function addressesOf({ network, mac, ipv4, ipv6 }: RemoteEndpoint): readonly string[] {
  return [mac, ipv4, ipv6].flatMap((each) => (each === undefined ? [] : [`${network} ${each}`]));
}
