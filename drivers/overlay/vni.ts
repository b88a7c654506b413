import { Conflict, Exhausted, InvalidArgument } from '../../core/errors.ts';
import type { OptionReader } from '../options/index.ts';

/** A VNI has 24 bits; 0 is left out, as Docker does (RFC 7348 section 5). */
const ANY_VNI = { min: 1, max: 16_777_215 };
/**
 * What weft chooses from. Those below 4096 stay free for choice by hand: gear that maps VLANs to VNIs by number uses
 * them, and Docker Swarm takes none of them by itself either (moby: drivers/overlay/ovmanager). Swarm counts up from
 * 4096, so that random VNIs out of sixteen million hardly meet its own on one underlay.
 */
const CHOSEN_VNI = { min: 4096, max: 16_777_215 };

const VNI = 'weft.vni';
const VNI_LIST = 'com.docker.network.driver.overlay.vxlanid_list';

/**
 * The VNI asked for by either key. Docker's list has one for each subnet; weft needs one for the network, the first,
 * and `spare` tells of the others.
 * @throws {InvalidArgument} for wrong values, and for two keys that contradict each other.
 */
export function readVni(reader: OptionReader): {
  readonly vni: number | undefined;
  readonly spare: readonly string[];
} {
  const own = reader.integer(VNI, ANY_VNI);
  const [first, ...rest] = reader.integers(VNI_LIST, ANY_VNI);
  if (own !== undefined && first !== undefined && own !== first) {
    throw new InvalidArgument(
      `option ${VNI} is "${own}" and option ${VNI_LIST} begins with "${first}": give one`,
      {
        field: VNI,
      },
    );
  }
  return {
    vni: own ?? first,
    spare: rest.length === 0 ? [] : [`${VNI_LIST} after the first: ${rest.join(',')}`],
  };
}

/**
 * The VNI of a new network: the one wanted, or a random free one from 4096 on.
 * @param taken VNIs of the cluster's other networks.
 * @param random numbers from 0 to below 1, as `Math.random`.
 * @throws {Conflict} when the one wanted is taken. {Exhausted} when all are.
 */
export function chooseVni(
  wanted: number | undefined,
  taken: ReadonlySet<number>,
  random: () => number,
): number {
  if (wanted !== undefined) {
    if (!taken.has(wanted)) return wanted;
    throw new Conflict(`VNI ${wanted} belongs to another network of the cluster`, { vni: wanted });
  }
  const count = CHOSEN_VNI.max - CHOSEN_VNI.min + 1;
  const start = Math.floor(random() * count);
  for (let step = 0; step < count; step++) {
    const vni = CHOSEN_VNI.min + ((start + step) % count);
    if (!taken.has(vni)) return vni;
  }
  throw new Exhausted(`all ${count} VNIs from ${CHOSEN_VNI.min} to ${CHOSEN_VNI.max} are taken`);
}
