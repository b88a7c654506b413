/**
 * From services and their backends to what one network namespace needs in nftables, as data. Pure: nothing here knows
 * a kernel. Layer: imports core only.
 */
export { CLIENT_MAPS, type ClientMap, clientsToForget } from './clients.ts';
export { planService, takesConnections } from './elements.ts';
export { flowsToForget } from './flows.ts';
export { picksOf } from './pick.ts';
export { planVips, type ServedService, timeoutsOf, type VipPlan } from './plan.ts';
export { type Counted, VIP_TABLE, type VipTableShape, vipTable } from './table.ts';
