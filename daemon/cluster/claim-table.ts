import type { Ip } from '../../core/address.ts';
import type { RemoteEndpoint } from '../../core/cluster.ts';
import type { Mac } from '../../core/ids.ts';

/** An endpoint as told by its host, and when. */
export interface Claim {
  readonly remote: RemoteEndpoint;
  readonly revision: bigint;
}

/** Keys of those that claim one address: nearly always there is one. */
type Claimants = string | readonly string[];

/** Endpoints of other hosts by store key, and who claims which address or MAC of which network. */
export class ClaimTable {
  readonly #claims = new Map<string, Claim>();
  /** By network, then by IP address or MAC. */
  readonly #claimants = new Map<string, Map<Ip | Mac, Claimants>>();
  readonly #byNode = new Map<string, Set<string>>();

  get(key: string): Claim | undefined {
    return this.#claims.get(key);
  }

  set(key: string, claim: Claim): void {
    this.delete(key);
    this.#claims.set(key, claim);
    const { network, node } = claim.remote;
    const claimants = this.#claimants.get(network) ?? new Map<Ip | Mac, Claimants>();
    this.#claimants.set(network, claimants);
    for (const address of addressesOf(claim.remote)) {
      const others = claimants.get(address);
      claimants.set(address, others === undefined ? key : [...listOf(others), key]);
    }
    const own = this.#byNode.get(node);
    if (own === undefined) this.#byNode.set(node, new Set([key]));
    else own.add(key);
  }

  delete(key: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    this.#claims.delete(key);
    const { network, node } = claim.remote;
    const claimants = this.#claimants.get(network);
    for (const address of addressesOf(claim.remote)) {
      const left = listOf(claimants?.get(address)).filter((each) => each !== key);
      if (left.length === 0) claimants?.delete(address);
      else claimants?.set(address, left);
    }
    if (claimants?.size === 0) this.#claimants.delete(network);
    const own = this.#byNode.get(node);
    own?.delete(key);
    if (own?.size === 0) this.#byNode.delete(node);
  }

  /** The others that claim an address of this one. */
  rivals(key: string): readonly string[] {
    const claim = this.#claims.get(key);
    if (claim === undefined) return [];
    const claimants = this.#claimants.get(claim.remote.network);
    const rivals: string[] = [];
    for (const address of addressesOf(claim.remote)) {
      const all = claimants?.get(address);
      if (all === undefined || all === key) continue;
      for (const each of listOf(all)) if (each !== key) rivals.push(each);
    }
    return rivals;
  }

  claimants(network: string, address: Ip | Mac): readonly string[] {
    return listOf(this.#claimants.get(network)?.get(address));
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

function listOf(claimants: Claimants | undefined): readonly string[] {
  if (claimants === undefined) return [];
  return typeof claimants === 'string' ? [claimants] : claimants;
}

function addressesOf({ mac, ipv4, ipv6 }: RemoteEndpoint): readonly (Ip | Mac)[] {
  const addresses: (Ip | Mac)[] = [mac];
  if (ipv4 !== undefined) addresses.push(ipv4);
  if (ipv6 !== undefined) addresses.push(ipv6);
  return addresses;
}
