import Type from 'typebox';
import { parseMac, parseSandboxKey } from '../../../core/ids.ts';
import type { EndpointRequest } from '../../../core/model.ts';
import type { ExternalPorts, JoinRequest } from '../backend.ts';
import { type EndpointIds, endpointIdsOf, OptionsObject, Text } from './ids.ts';
import { DOCKER_PREFIX, ENDPOINT_MAC, EXPOSED_PORTS, PORT_MAP } from './labels.ts';
import { addressOf } from './network.ts';
import { decodePorts } from './ports.ts';
import { structDecoder } from './struct.ts';
import { decodeTextMap } from './text-map.ts';

/** Keys of CreateEndpoint's options that are not driver options of the endpoint, whatever their type. */
const NOT_DRIVER_OPTIONS: ReadonlySet<string> = new Set([EXPOSED_PORTS, PORT_MAP, ENDPOINT_MAC]);

const endpointBody = structDecoder(
  Type.Object({
    NetworkID: Text,
    EndpointID: Text,
    Interface: Type.Optional(Type.Object({ Address: Text, AddressIPv6: Text, MacAddress: Text })),
    Options: OptionsObject,
  }),
);

const joinBody = structDecoder(
  Type.Object({ NetworkID: Text, EndpointID: Text, SandboxKey: Text, Options: OptionsObject }),
);

const externalBody = structDecoder(
  Type.Object({ NetworkID: Text, EndpointID: Text, Options: OptionsObject }),
);

/**
 * CreateEndpoint. Ports are checked and dropped: engines differ in what they send here, Join is complete in all.
 * @throws {InvalidArgument} naming the field, its value and what is accepted.
 */
export function decodeCreateEndpoint(body: unknown): EndpointRequest {
  const wire = endpointBody(body, '');
  const { networkId, endpointId } = endpointIdsOf(wire);
  const { Address, AddressIPv6, MacAddress } = wire.Interface ?? {};
  decodePorts(wire.Options, 'Options');
  return {
    id: endpointId,
    networkId,
    ...(Address ? { ipv4: addressOf(Address, 'Interface.Address', 4) } : {}),
    ...(AddressIPv6 ? { ipv6: addressOf(AddressIPv6, 'Interface.AddressIPv6', 6) } : {}),
    ...(MacAddress ? { mac: parseMac(MacAddress, 'Interface.MacAddress') } : {}),
    options: endpointOptions(wire.Options),
  };
}

/** Join. @throws {InvalidArgument} naming the field, its value and what is accepted. */
export function decodeJoin(body: unknown): JoinRequest {
  const wire = joinBody(body, '');
  return {
    ...endpointIdsOf(wire),
    sandboxKey: parseSandboxKey(wire.SandboxKey ?? ''),
    ...decodePorts(wire.Options, 'Options'),
  };
}

/** ProgramExternalConnectivity. @throws {InvalidArgument} naming the field, its value and what is accepted. */
export function decodeProgramExternal(body: unknown): EndpointIds & { readonly ports: ExternalPorts } {
  const wire = externalBody(body, '');
  return { ...endpointIdsOf(wire), ports: decodePorts(wire.Options, 'Options') };
}

/**
 * Docker gives structure to more keys of its own with every release, so what is not text under its prefix is left out;
 * a driver option is always text.
 */
function endpointOptions(
  options: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, string>> {
  const all = decodeTextMap(options, 'Options', (key) => (key.startsWith(DOCKER_PREFIX) ? 'skip' : 'refuse'));
  return Object.fromEntries(Object.entries(all).filter(([key]) => !NOT_DRIVER_OPTIONS.has(key)));
}
