import type { Family } from '../../core/address.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftTable } from '../../core/nft.ts';
import type { Backend, Service } from '../../core/service.ts';
import { planService } from './elements.ts';
import { type VipTableShape, vipTable } from './table.ts';

/** A service with all its backends, whatever state they are in. */
export interface ServedService {
  readonly service: Service;
  readonly backends: readonly Backend[];
}

/** What one network namespace needs. */
export interface VipPlan {
  /** One for each family that a service has a VIP in. */
  readonly tables: readonly NftTable[];
  readonly elements: readonly ElementObject[];
}

/**
 * The tables and elements of the services that a namespace can reach. The tables are the same whatever the backends
 * are, and differ between sets of services only in the affinity timeouts in use.
 */
export function planVips(
  served: readonly ServedService[],
  { place, counted }: Pick<VipTableShape, 'place' | 'counted'>,
): VipPlan {
  const services = served.map(({ service }) => service);
  const families = ([4, 6] as const).filter((family) => services.some((service) => hasVip(service, family)));
  const timeouts = timeoutsOf(services);
  return {
    tables: families.map((family) => vipTable({ family, place, timeouts, counted })),
    elements: served.flatMap(({ service, backends }) => planService(service, backends, counted)),
  };
}

function hasVip({ vip4, vip6 }: Service, family: Family): boolean {
  return (family === 4 ? vip4 : vip6) !== undefined;
}

/** The affinity timeouts of services: seconds, rising, each once. */
export function timeoutsOf(services: readonly Service[]): readonly number[] {
  const seconds = services.flatMap(({ affinity }) => affinity?.timeoutSeconds ?? []);
  return [...new Set(seconds)].sort((a, b) => a - b);
}
