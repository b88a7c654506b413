import type { Family } from '../../core/address.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import { CLIENTS } from './affinity.ts';
import { takesConnections } from './elements.ts';
import type { ServedService } from './plan.ts';
import { VIP_TABLE } from './table.ts';

/** A map of known clients, which rules fill. */
export interface ClientMap {
  readonly family: Family;
  readonly table: string;
  readonly set: string;
}

/** The maps to read when a backend of a service with affinity takes no more connections. */
export const CLIENT_MAPS: readonly ClientMap[] = ([4, 6] as const).map((family) => ({
  family,
  table: VIP_TABLE,
  set: CLIENTS,
}));

/**
 * Known clients that must be forgotten, because what they are remembered with takes no connections of that service any
 * more. To be asked after the new plan has taken effect: before, a connection could still be remembered with it.
 * @param remembered the elements of CLIENT_MAPS as they are in the kernel.
 */
export function clientsToForget(
  served: readonly ServedService[],
  remembered: readonly ElementObject[],
): readonly ElementObject[] {
  const homes = new Set(
    served.flatMap(({ service, backends }) =>
      backends
        .filter(takesConnections)
        .flatMap(({ ipv4, ipv6 }) => [`${service.vip4} ${ipv4}`, `${service.vip6} ${ipv6}`]),
    ),
  );
  return remembered.filter(({ key, data }) => !homes.has(`${key[1]} ${data?.[0]}`));
}
