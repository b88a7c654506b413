import type { HostFacts } from '../../core/driver.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { MacvlanMode } from '../../core/kernel-objects.ts';
import type { NetworkRequest } from '../../core/model.ts';
import { checkHostAccess, type LanOptions, readLanOptions } from '../lan/index.ts';
import { OptionReader } from '../options/index.ts';

/** Options of a weft-macvlan network, complete. Key names are Docker's (moby: drivers/macvlan/macvlan_store.go). */
export interface MacvlanOptions extends LanOptions {
  readonly mode: MacvlanMode;
  /** IPv4 addresses come from the LAN's DHCP server. */
  readonly dhcp: boolean;
  /** Docker's keys that mean nothing here; logged at creation. */
  readonly ignored: readonly string[];
}

const MODES = ['bridge', 'private', 'vepa', 'passthru'] as const;

/** @throws {InvalidArgument} naming the option, the value and what is accepted. */
export function parseMacvlanOptions(request: NetworkRequest, host: HostFacts): MacvlanOptions {
  const reader = new OptionReader(request.options, 'weft-macvlan');
  const options = {
    mode: reader.choice('macvlan_mode', MODES, 'bridge'),
    dhcp: reader.boolean('weft.dhcp', false),
    ...readLanOptions(reader, request, host),
  };
  const ignored = reader.finish();
  if (options.hostAccess)
    checkHostAccess(
      { request, ownParent: options.ownParent },
      { key: 'macvlan_mode', value: options.mode, needsAddress: false },
    );
  if (options.dhcp) checkDhcp(options, request);
  return { ...options, ignored };
}

function checkDhcp(
  { mode, ownParent }: Pick<MacvlanOptions, 'mode' | 'ownParent'>,
  { ipv4 }: NetworkRequest,
): void {
  const refused = (why: string) =>
    new InvalidArgument(`option weft.dhcp is true: ${why}`, { field: 'weft.dhcp' });
  if (ownParent) throw refused('a network without a parent is on no LAN, and there is no DHCP server');
  if (mode === 'passthru')
    throw refused('in mode "passthru" the container has the MAC of the parent, whose address is this host’s');
  if (ipv4.length !== 1)
    throw refused(`the network has ${ipv4.length} IPv4 subnets; it needs one, that of the DHCP server`);
}
