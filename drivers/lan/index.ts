/**
 * What macvlan and ipvlan networks share: the parent device and who else uses it, the VLAN sub-interface, the parent of an
 * internal network, the host's own link, the answer to Join. Pure; both drivers call it. Layer: drivers.
 */

export { LAN_DRIVER } from './driver.ts';
export { checkHostAccess } from './host-access.ts';
export { lanJoinInfo } from './join.ts';
export { type LanOptions, readLanOptions } from './options.ts';
export { checkParent } from './parent.ts';
export { containerLinkName, lanLinkParts, planHostAccess, planHostRoutes, planParent } from './plan.ts';
