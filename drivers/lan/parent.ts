import type { HostFacts, OtherNetworks } from '../../core/driver.ts';
import { Conflict } from '../../core/errors.ts';
import type { Network } from '../../core/model.ts';
import type { LanOptions } from './options.ts';

/** Kinds of the host's links that take a device's frames as links of a driver do, by driver. */
const FAMILY: Readonly<Record<LanDriver, { readonly kind: string; readonly kinds: readonly string[] }>> = {
  'weft-macvlan': { kind: 'macvlan', kinds: ['macvlan', 'macvtap'] },
  'weft-ipvlan': { kind: 'ipvlan', kinds: ['ipvlan', 'ipvtap'] },
};

type LanDriver = 'weft-macvlan' | 'weft-ipvlan';

/** The networks with links on this parent. */
function lanNetworks(others: OtherNetworks, parent: string): readonly Network<LanOptions>[] {
  return others.filter(
    (network): network is Network<LanOptions> =>
      Object.hasOwn(FAMILY, network.driver) && (network.options as LanOptions).parent === parent,
  );
}

/**
 * One device carries macvlan or ipvlan links, never both: each takes all of its frames (drivers/net/macvlan.c,
 * drivers/net/ipvlan: netdev_rx_handler_register()). Links that Docker has moved into sandboxes are not seen here;
 * the kernel refuses then at Join.
 * @param fits whether another network of this driver may share the parent; if not, why.
 * @throws {Conflict} naming the network or the link.
 */
export function checkParent<Options extends LanOptions>(
  driver: LanDriver,
  { parent }: Options,
  others: OtherNetworks,
  host: HostFacts,
  fits: (other: Options) => string | undefined,
): void {
  for (const other of lanNetworks(others, parent)) {
    const id = other.request.id.slice(0, 12);
    const why =
      other.driver === driver
        ? fits(other.options as Options)
        : `one device carries ${FAMILY[driver].kind} or ${FAMILY[other.driver as LanDriver].kind} links, not both`;
    if (why === undefined) continue;
    throw new Conflict(`option parent is "${parent}": ${other.driver} network ${id} has it, and ${why}`, {
      networkId: other.request.id,
    });
  }
  const kinds = Object.entries(FAMILY).flatMap(([name, family]) => (name === driver ? [] : family.kinds));
  for (const [name, { parent: on, type }] of host.foreignLinks) {
    if (on !== parent || !kinds.includes(type)) continue;
    throw new Conflict(
      `option parent is "${parent}": the ${type} link ${name} stands on it, and one device carries macvlan or ipvlan links, not both`,
    );
  }
}
