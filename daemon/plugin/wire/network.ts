import Type, { type Static } from 'typebox';
import {
  type Family,
  familyOf,
  type IfAddress,
  type Ip,
  parseCidr,
  parseIfAddress,
} from '../../../core/address.ts';
import { InvalidArgument } from '../../../core/errors.ts';
import { parseNetworkId, quote } from '../../../core/ids.ts';
import type { NetworkRequest, Subnet } from '../../../core/model.ts';
import type { AllocationRequest } from '../backend.ts';
import { OptionsObject, Text } from './ids.ts';
import { ENABLE_IPV4, ENABLE_IPV6, GENERIC, INTERNAL } from './labels.ts';
import { fieldOf, keyOf, structDecoder } from './struct.ts';
import { decodeTextMap } from './text-map.ts';

/** libnetwork driverapi.IPAMData. The address space is of no use to a driver. */
const IpamData = Type.Object({ Pool: Text, Gateway: Text, AuxAddresses: OptionsObject });

const networkBody = structDecoder(
  Type.Object({
    NetworkID: Text,
    Options: OptionsObject,
    IPv4Data: Type.Optional(Type.Array(IpamData)),
    IPv6Data: Type.Optional(Type.Array(IpamData)),
  }),
);

const gatewayCheckBody = structDecoder(Type.Object({ Options: OptionsObject }));

/**
 * CreateNetwork. A pool of the null IPAM driver arrives as `0.0.0.0/0` without a gateway and is passed on so.
 * @throws {InvalidArgument} naming the field, its value and what is accepted.
 */
export function decodeCreateNetwork(body: unknown): NetworkRequest {
  const wire = networkBody(body, '');
  const id = parseNetworkId(wire.NetworkID ?? '');
  return {
    id,
    ...driverOptions(wire.Options),
    enableIpv4: flag(wire.Options, ENABLE_IPV4, true),
    enableIpv6: flag(wire.Options, ENABLE_IPV6, false),
    ipv4: decodeSubnets(wire.IPv4Data, 4),
    ipv6: decodeSubnets(wire.IPv6Data, 6),
  };
}

/** GwAllocCheck. @throws {InvalidArgument} naming the option, its value and what is accepted. */
export function decodeGwAllocCheck(body: unknown): Pick<NetworkRequest, 'options' | 'internal'> {
  return driverOptions(gatewayCheckBody(body, '').Options);
}

/**
 * AllocateNetwork: its options are the user's, directly.
 * @throws {InvalidArgument} naming the field, its value and what is accepted.
 */
export function decodeAllocateNetwork(body: unknown): AllocationRequest {
  const wire = networkBody(body, '');
  return {
    id: parseNetworkId(wire.NetworkID ?? ''),
    options: decodeTextMap(wire.Options, 'Options'),
    ipv4: decodeSubnets(wire.IPv4Data, 4),
    ipv6: decodeSubnets(wire.IPv6Data, 6),
  };
}

function driverOptions(
  options: Readonly<Record<string, unknown>> | undefined,
): Pick<NetworkRequest, 'options' | 'internal'> {
  return {
    options: decodeTextMap(options?.[GENERIC], keyOf('Options', GENERIC)),
    internal: flag(options, INTERNAL, false),
  };
}

function flag(options: Readonly<Record<string, unknown>> | undefined, key: string, absent: boolean): boolean {
  const value = options?.[key];
  if (value === undefined || value === null) return absent;
  if (typeof value !== 'boolean') {
    throw new InvalidArgument(`${keyOf('Options', key)} ${quote(value)} must be true or false`, {
      field: key,
    });
  }
  return value;
}

function decodeSubnets(data: readonly Static<typeof IpamData>[] | undefined, family: Family): Subnet[] {
  return (data ?? []).map((wire, i) => decodeSubnet(wire, `IPv${family}Data[${i}]`, family));
}

function decodeSubnet(wire: Static<typeof IpamData>, field: string, family: Family): Subnet {
  const pool = parseCidr(wire.Pool ?? '', fieldOf(field, 'Pool'));
  if (familyOf(pool) !== family) throw wrongFamily(fieldOf(field, 'Pool'), pool, family);
  const aux: [string, Ip][] = [];
  const auxField = fieldOf(field, 'AuxAddresses');
  for (const [name, text] of Object.entries(decodeTextMap(wire.AuxAddresses, auxField))) {
    aux.push([name, addressOf(text, keyOf(auxField, name), family).ip]);
  }
  return {
    pool,
    ...(wire.Gateway ? { gateway: addressOf(wire.Gateway, fieldOf(field, 'Gateway'), family) } : {}),
    aux: Object.fromEntries(aux),
  };
}

/**
 * An address with prefix length of one family.
 * @throws {InvalidArgument} when it is not, or is of the other family.
 */
export function addressOf(text: string, field: string, family: Family): IfAddress {
  const address = parseIfAddress(text, field);
  if (familyOf(address.ip) !== family) throw wrongFamily(field, text, family);
  return address;
}

function wrongFamily(field: string, text: string, family: Family): InvalidArgument {
  return new InvalidArgument(`${field} ${quote(text)} must be IPv${family}`, { field });
}
