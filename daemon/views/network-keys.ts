import type { NamingView } from '../../core/naming.ts';
import { matchRef } from '../control/index.ts';

/** Where networks are known from: this host's own, and those that anything on another host has a name on. */
export interface NetworkSources {
  readonly repository: {
    networks(): Iterable<{
      readonly request: { readonly id: string };
      readonly tunnel?: { readonly name: string };
    }>;
  };
  readonly names: { network(id: string): string | undefined };
  readonly naming: Pick<NamingView, 'networks'>;
}

/** A network as names and services know it. */
export interface KeyedNetwork {
  /** As NameRecord.network. */
  readonly key: string;
  /** Docker's id here; the key, where this host has not the network. */
  readonly id: string;
  /** What Docker calls it here, once known. */
  readonly name?: string;
}

/** Every network that this host knows, its own first. */
export function keyedNetworks({ repository, names, naming }: NetworkSources): readonly KeyedNetwork[] {
  const own = [...repository.networks()].map(({ request, tunnel }): KeyedNetwork => {
    const name = names.network(request.id) ?? tunnel?.name;
    return { key: tunnel?.name ?? request.id, id: request.id, ...(name === undefined ? {} : { name }) };
  });
  const here = new Set(own.map(({ key }) => key));
  const others = [...naming.networks()].filter((key) => !here.has(key));
  return [...own, ...others.map((key): KeyedNetwork => ({ key, id: key, name: key }))];
}

/**
 * The network that a text names: its key first, then as `matchRef`.
 * @throws {NotFound} {Conflict} when it names none, or several.
 */
export function networkNamed(networks: readonly KeyedNetwork[], ref: string): KeyedNetwork {
  return networks.find(({ key }) => key === ref) ?? matchRef(networks, ref, 'network');
}
