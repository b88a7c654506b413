import type { HostFacts } from '../../core/driver.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { NetworkRequest } from '../../core/model.ts';
import { linkName, OWN_NAME, OWN_NAMES } from '../../core/names.ts';
import { OptionReader } from '../options/index.ts';
import { GATEWAY_MODES, readSegmentOptions, type SegmentOptions } from '../segment/index.ts';

/** Options of a weft-bridge network, complete. Key names are Docker's (moby: drivers/bridge/labels.go). */
export interface BridgeOptions extends SegmentOptions {
  readonly bridge: IfName;
  /** The bridge was there before the network; it stays when the network goes. */
  readonly adopted: boolean;
  readonly icc: boolean;
  readonly inhibitIpv4: boolean;
  readonly trusted: readonly IfName[];
  /** Docker's keys that mean nothing here; logged at creation. */
  readonly ignored: readonly string[];
}

/**
 * @throws {InvalidArgument} naming the option, the value and what is accepted.
 * @throws {Conflict} when the bridge name belongs to a link that is no bridge.
 */
export function parseBridgeOptions(request: NetworkRequest, host: HostFacts): BridgeOptions {
  const reader = new OptionReader(request.options, 'weft-bridge');
  const options = {
    ...bridgeName(reader, request, host),
    icc: reader.boolean('com.docker.network.bridge.enable_icc', true),
    inhibitIpv4: reader.boolean('com.docker.network.bridge.inhibit_ipv4', false),
    trusted: reader.ifNames('com.docker.network.bridge.trusted_host_interfaces', ':'),
    ...readSegmentOptions(reader, request, GATEWAY_MODES),
  };
  return { ...options, ignored: reader.finish() };
}

function bridgeName(
  reader: OptionReader,
  request: NetworkRequest,
  host: HostFacts,
): { readonly bridge: IfName; readonly adopted: boolean } {
  const key = 'com.docker.network.bridge.name';
  const name = reader.ifName(key);
  if (name === undefined) return { bridge: linkName('wb', request.id), adopted: false };
  if (OWN_NAME.test(name)) {
    throw new InvalidArgument(`option ${key} is "${name}": ${OWN_NAMES} are weft's own`, { field: key });
  }
  const existing = host.foreignLinks.get(name);
  if (existing !== undefined && existing.type !== 'bridge') {
    throw new Conflict(
      `option ${key} is "${name}": that link exists and is a ${existing.type || 'device'}, not a bridge`,
    );
  }
  return { bridge: name, adopted: existing !== undefined };
}
