import Type from 'typebox';
import { structDecoder } from './struct.ts';

/** libnetwork discoverapi.NodeDiscovery: the only kind that engines send. */
const NODE_DISCOVERY = 1;

const discoveryBody = structDecoder(
  Type.Object({
    DiscoveryType: Type.Optional(Type.Integer()),
    DiscoveryData: Type.Optional(Type.Unknown()),
  }),
);

/**
 * DiscoverNew and DiscoverDelete; undefined for a kind of discovery other than nodes.
 * @throws {InvalidArgument} when DiscoveryType is not an integer.
 */
export function decodeDiscovery(body: unknown): { readonly data: unknown } | undefined {
  const wire = discoveryBody(body, '');
  return wire.DiscoveryType === NODE_DISCOVERY ? { data: wire.DiscoveryData } : undefined;
}
