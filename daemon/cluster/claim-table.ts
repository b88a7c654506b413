import type { Ip } from '../../core/address.ts';
import type { RemoteEndpoint } from '../../core/cluster.ts';
import type { Mac } from '../../core/ids.ts';

/** An endpoint as told by its host, and when. */
export interface Claim {
  readonly remote: RemoteEndpoint;
  readonly revision: bigint;
}

/** Endpoints of other hosts by store key, and who claims which address or MAC of which network. */
export class ClaimTable {
  readonly #claims = new Map<string, Claim>();
  readonly #byAddress = new Map<string, readonly string[]>();

  get(key: string): Claim | undefined {
    return this.#claims.get(key);
  }

  set(key: string, claim: Claim): void {
    this.delete(key);
    this.#claims.set(key, claim);
    for (const address of addressesOf(claim.remote))
      this.#byAddress.set(address, [...(this.#byAddress.get(address) ?? []), key]);
  }

  delete(key: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    this.#claims.delete(key);
    for (const address of addressesOf(claim.remote)) {
      const left = (this.#byAddress.get(address) ?? []).filter((each) => each !== key);
      if (left.length === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    }
  }

  /** The others that claim an address of this one. */
  rivals(key: string): readonly string[] {
    const claim = this.#claims.get(key);
    if (claim === undefined) return [];
    return addressesOf(claim.remote).flatMap((address) =>
      (this.#byAddress.get(address) ?? []).filter((each) => each !== key),
    );
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
    return this.#keys(({ remote }) => remote.node === node);
  }

  ofNetwork(network: string): readonly string[] {
    return this.#keys(({ remote }) => remote.network === network);
  }

  #keys(matches: (claim: Claim) => boolean): readonly string[] {
    return [...this.#claims].flatMap(([key, claim]) => (matches(claim) ? [key] : []));
  }
}

function addressesOf({ network, mac, ipv4, ipv6 }: RemoteEndpoint): readonly string[] {
  return [mac, ipv4, ipv6].flatMap((each) => (each === undefined ? [] : [`${network} ${each}`]));
}
