import type { Mac } from '../core/ids.ts';
import { parseMac } from '../core/ids.ts';
import type { LeaseKind } from './addresses.ts';

/** What the options of RequestAddress say. */
export interface AddressOptions {
  readonly kind: LeaseKind;
  /** A swarm manager repeats what it has been given before. */
  readonly serial: boolean;
  readonly name?: string;
  readonly mac?: Mac;
  /** A container of this host has the address already, so the LAN is not asked whether it is free. */
  readonly isInUse?: boolean;
}

/**
 * Reads Docker's option keys (moby daemon/libnetwork/netlabel/labels.go, ipamapi/contract.go); others are ignored,
 * as Docker's own IPAM ignores them. The MAC is recorded only: addresses are not derived from it, because Docker's
 * are not either and an address shall not tell the hardware address.
 * @throws {InvalidArgument} when the MAC is not one.
 */
export function parseAddressOptions(options: Readonly<Record<string, string>> | null): AddressOptions {
  const name = options?.['com.docker.network.endpoint.name'];
  const mac = options?.['com.docker.network.endpoint.macaddress'];
  return {
    kind: options?.['RequestAddressType'] === 'com.docker.network.gateway' ? 'gateway' : 'endpoint',
    serial: options?.['com.docker.network.ipam.serial'] === 'true',
    ...(name === undefined || name === '' ? {} : { name }),
    ...(mac === undefined || mac === ''
      ? {}
      : { mac: parseMac(mac, 'com.docker.network.endpoint.macaddress') }),
  };
}
