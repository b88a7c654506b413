import { drivers } from '../../drivers/index.ts';

/** Names under which Docker finds weft: the IPAM driver and every network driver. */
export const PLUGIN_NAMES: readonly string[] = ['weft', ...drivers.keys()];
