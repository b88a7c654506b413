import { InvalidArgument } from '../../core/errors.ts';
import { parseNetworkName } from '../../core/names.ts';
import { OptionReader, optional } from '../options/index.ts';
import { type OptionContext, readSegmentOptions, type SegmentOptions } from '../segment/index.ts';
import { readVni } from './vni.ts';

/** Options of a weft-overlay network, complete. */
export interface OverlayOptions extends SegmentOptions {
  /** `weft.network`, the cluster-wide name; absent: the name that Docker has for the network. */
  readonly network?: string;
  /** The VNI asked for; absent: any free one. */
  readonly vni?: number;
  /** Broadcast and multicast frames go to every member host. */
  readonly multicast: boolean;
  /** Docker's keys that mean nothing here; logged at creation. */
  readonly ignored: readonly string[];
}

/**
 * Gateway modes that hold on every host alike. `routed` does not: a router may send packets to any host, and only the
 * container's own knows which of its ports are open. Nor `isolated`: the bridge is where ARP and ND are answered, so it
 * stays an interface with addresses.
 */
const MODES = ['nat', 'nat-unprotected'] as const;

/**
 * @throws {InvalidArgument} naming the option, the value and what is accepted; also for what must not be ignored in
 * silence: encryption, and containers kept from each other.
 */
export function parseOverlayOptions(request: OptionContext): OverlayOptions {
  const reader = new OptionReader(request.options, 'weft-overlay');
  refuseUnsafe(reader);
  const name = reader.text('weft.network');
  const { vni, spare } = readVni(reader);
  const options = {
    ...optional('network', name === undefined ? undefined : parseNetworkName(name, 'option weft.network')),
    ...optional('vni', vni),
    multicast: reader.boolean('weft.multicast', false),
    ...readSegmentOptions(reader, request, MODES),
  };
  return { ...options, ignored: [...spare, ...reader.finish()] };
}

/** Who asks for these would be less safe than he thinks if they were only logged. */
function refuseUnsafe(reader: OptionReader): void {
  if (reader.flag('encrypted')) {
    throw new InvalidArgument(
      'option encrypted: weft does not encrypt overlay networks yet, and refuses rather than send in the clear',
      { field: 'encrypted' },
    );
  }
  const icc = 'com.docker.network.bridge.enable_icc';
  if (!reader.boolean(icc, true)) {
    throw new InvalidArgument(
      `option ${icc} is false: weft-overlay cannot keep its containers from each other`,
      {
        field: icc,
      },
    );
  }
}
