import type { Model, NetworkModel } from './model.ts';

/** The addresses that a last part stands for on a network. */
function addressesAt(
  { base4, base6 }: NetworkModel,
  fixed: number,
): { readonly ip: string; readonly ip6?: string } {
  const ip = `${base4}.${fixed}`;
  return base6 === undefined ? { ip } : { ip, ip6: `${base6}${fixed.toString(16)}` };
}

/** What Docker is asked for; nothing when weft is to choose. */
export function askedAddresses(
  model: Model,
  network: string,
  fixed: number | undefined,
): { readonly ip?: string; readonly ip6?: string } {
  const known = model.networks[network];
  return known === undefined || fixed === undefined ? {} : addressesAt(known, fixed);
}

/** The containers that have an address that a last part stands for. */
export function holdersOf(model: Model, network: string, fixed: number | undefined): readonly string[] {
  const { ip, ip6 } = askedAddresses(model, network, fixed);
  return Object.values(model.containers).flatMap(({ name, networks }) => {
    const addresses = networks[network]?.addresses;
    if (ip === undefined || addresses === undefined) return [];
    return addresses.ip === ip || addresses.ip6 === ip6 ? [name] : [];
  });
}
