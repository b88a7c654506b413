/** Every network driver, listed; nothing registers itself. Layer: pure, imports core only. */
import type { NetworkDriver } from '../core/driver.ts';
import type { DriverName } from '../core/model.ts';
import { bridgeDriver } from './bridge/index.ts';
import { ipvlanDriver } from './ipvlan/index.ts';
import { macvlanDriver } from './macvlan/index.ts';
import { noneDriver } from './none/index.ts';
import { overlayDriver } from './overlay/index.ts';

/**
 * Drivers by plugin name. A driver's option type is known to itself alone; the registry forgets it, and a network's
 * stored options return only to the driver that made them.
 */
export const drivers: ReadonlyMap<DriverName, NetworkDriver> = new Map<DriverName, NetworkDriver>([
  ['weft-bridge', bridgeDriver as NetworkDriver],
  ['weft-overlay', overlayDriver as NetworkDriver],
  ['weft-macvlan', macvlanDriver as NetworkDriver],
  ['weft-ipvlan', ipvlanDriver as NetworkDriver],
  ['weft-none', noneDriver as NetworkDriver],
]);

export {
  hostTable,
  planTunnelEnd,
  planTunnelPort,
  planTunnelSenders,
  shortcutTable,
  TABLE,
} from './segment/index.ts';
