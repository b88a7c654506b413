import Type from 'typebox';
import { type Ip, parseCidr, parseIp } from '../../../core/address.ts';
import { InvalidArgument } from '../../../core/errors.ts';
import { quote } from '../../../core/ids.ts';
import type { AddressRequest, PoolRequest } from '../backend.ts';
import { OptionsObject, Text } from './ids.ts';
import { structDecoder } from './struct.ts';
import { decodeTextMap } from './text-map.ts';

/** Longer than any name that can end in a pool id weft has given. */
const MAX_NAME_BYTES = 512;
const NAME = /^[^\p{Cc}]+$/u;

const poolBody = structDecoder(
  Type.Object({
    AddressSpace: Text,
    Pool: Text,
    SubPool: Text,
    Options: OptionsObject,
    V6: Type.Optional(Type.Boolean()),
  }),
);

const releasePoolBody = structDecoder(Type.Object({ PoolID: Text }));

const addressBody = structDecoder(Type.Object({ PoolID: Text, Address: Text, Options: OptionsObject }));

/** RequestPool. @throws {InvalidArgument} naming the field, its value and what is accepted. */
export function decodeRequestPool(body: unknown): PoolRequest {
  const wire = poolBody(body, '');
  return {
    space: nameOf(wire.AddressSpace, 'AddressSpace'),
    ...(wire.Pool ? { pool: parseCidr(wire.Pool, 'Pool') } : {}),
    ...(wire.SubPool ? { subPool: parseCidr(wire.SubPool, 'SubPool') } : {}),
    options: optionsOf(wire.Options),
    v6: wire.V6 ?? false,
  };
}

/** ReleasePool. @throws {InvalidArgument} when PoolID is missing. */
export function decodeReleasePool(body: unknown): { readonly poolId: string } {
  return { poolId: nameOf(releasePoolBody(body, '').PoolID, 'PoolID') };
}

/** RequestAddress. @throws {InvalidArgument} naming the field, its value and what is accepted. */
export function decodeRequestAddress(body: unknown): AddressRequest {
  const wire = addressBody(body, '');
  return {
    poolId: nameOf(wire.PoolID, 'PoolID'),
    ...(wire.Address ? { address: parseIp(wire.Address, 'Address') } : {}),
    options: optionsOf(wire.Options),
  };
}

/** ReleaseAddress. @throws {InvalidArgument} naming the field, its value and what is accepted. */
export function decodeReleaseAddress(body: unknown): { readonly poolId: string; readonly address: Ip } {
  const wire = addressBody(body, '');
  return { poolId: nameOf(wire.PoolID, 'PoolID'), address: parseIp(wire.Address ?? '', 'Address') };
}

/** Null stays null: it is how a repeat by swarm differs from a user's request. */
function optionsOf(options: unknown): Readonly<Record<string, string>> | null {
  return options === undefined ? null : decodeTextMap(options, 'Options');
}

function nameOf(text: string | undefined, field: string): string {
  if (text === undefined || !NAME.test(text) || Buffer.byteLength(text) > MAX_NAME_BYTES) {
    throw new InvalidArgument(
      `${field} ${quote(text ?? '')} must be 1–${MAX_NAME_BYTES} bytes without control characters`,
      { field },
    );
  }
  return text;
}
