import type { NetworkDriver } from '../../core/driver.ts';
import type { IfName } from '../../core/ids.ts';
import type { DriverName } from '../../core/model.ts';
import { drivers } from '../../drivers/index.ts';
import { noneDriver } from '../../drivers/none/index.ts';

/** All drivers, and one whose networks are on the LAN behind `dev`, unless they are internal. It plans nothing. */
export function driversWithLan(dev: string): ReadonlyMap<DriverName, NetworkDriver> {
  const lanDriver: NetworkDriver = {
    ...(noneDriver as NetworkDriver),
    name: 'weft-macvlan',
    parseNetwork: () => ({}),
    ignoredOptions: () => [],
    announcements: () => ({ count: 2, intervalMs: 20 }),
    lanLink: ({ request }) => (request.internal ? undefined : (dev as IfName)),
  };
  return new Map([...drivers, ['weft-macvlan', lanDriver]]);
}
