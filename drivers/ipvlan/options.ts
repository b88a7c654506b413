import type { HostFacts } from '../../core/driver.ts';
import type { IpvlanFlag, IpvlanMode } from '../../core/kernel-objects.ts';
import type { NetworkRequest } from '../../core/model.ts';
import { checkHostAccess, type LanOptions, readLanOptions } from '../lan/index.ts';
import { OptionReader } from '../options/index.ts';

/** Options of a weft-ipvlan network, complete. Key names are Docker's (moby: drivers/ipvlan/ipvlan_store.go). */
export interface IpvlanOptions extends LanOptions {
  readonly mode: IpvlanMode;
  readonly flag: IpvlanFlag;
  /** Docker's keys that mean nothing here; logged at creation. */
  readonly ignored: readonly string[];
}

const MODES = ['l2', 'l3', 'l3s'] as const;
const FLAGS = ['bridge', 'private', 'vepa'] as const;

/** @throws {InvalidArgument} naming the option, the value and what is accepted. */
export function parseIpvlanOptions(request: NetworkRequest, host: HostFacts): IpvlanOptions {
  const reader = new OptionReader(request.options, 'weft-ipvlan');
  const options = {
    mode: reader.choice('ipvlan_mode', MODES, 'l2'),
    flag: reader.choice('ipvlan_flag', FLAGS, 'bridge'),
    ...readLanOptions(reader, request, host),
  };
  const ignored = reader.finish();
  // The kernel hands frames to a link by its addresses (drivers/net/ipvlan/ipvlan_core.c: ipvlan_addr_lookup()).
  if (options.hostAccess)
    checkHostAccess(
      { request, ownParent: options.ownParent },
      { key: 'ipvlan_flag', value: options.flag, needsAddress: true },
    );
  return { ...options, ignored };
}
