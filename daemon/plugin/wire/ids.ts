import Type from 'typebox';
import { type EndpointId, type NetworkId, parseEndpointId, parseNetworkId } from '../../../core/ids.ts';
import { structDecoder } from './struct.ts';

/** A text field: absent is the same as empty, as in Go. */
export const Text = Type.Optional(Type.String());

/** A free-form object: keys are kept as they are. */
export const OptionsObject = Type.Optional(Type.Record(Type.String(), Type.Unknown()));

/** The ids that a call about one endpoint carries. */
export interface EndpointIds {
  readonly networkId: NetworkId;
  readonly endpointId: EndpointId;
}

const networkIdentity = structDecoder(Type.Object({ NetworkID: Text }));

/** DeleteNetwork and FreeNetwork. @throws {InvalidArgument} when NetworkID is missing or no id. */
export function decodeNetworkId(body: unknown): NetworkId {
  return parseNetworkId(networkIdentity(body, '').NetworkID ?? '');
}

const endpointIdentity = structDecoder(Type.Object({ NetworkID: Text, EndpointID: Text }));

/**
 * DeleteEndpoint, EndpointOperInfo, Leave and RevokeExternalConnectivity.
 * @throws {InvalidArgument} when an id is missing or no id.
 */
export function decodeEndpointIds(body: unknown): EndpointIds {
  return endpointIdsOf(endpointIdentity(body, ''));
}

/** @throws {InvalidArgument} when an id is missing or no id. */
export function endpointIdsOf(wire: {
  readonly NetworkID?: string;
  readonly EndpointID?: string;
}): EndpointIds {
  return {
    networkId: parseNetworkId(wire.NetworkID ?? ''),
    endpointId: parseEndpointId(wire.EndpointID ?? ''),
  };
}
