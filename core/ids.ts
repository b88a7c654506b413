import { InvalidArgument } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Docker's network id: 64 hex digits, or 25 base-36 characters for swarm-scoped networks. Opaque. */
export type NetworkId = Branded<'NetworkId'>;
/** Docker's endpoint id: 64 hex digits. Opaque. */
export type EndpointId = Branded<'EndpointId'>;
/** IPAM pool identity: `<address space>/<CIDR>`; a function of both and nothing else. */
export type PoolId = Branded<'PoolId'>;
/** Path of a sandbox's network namespace file. */
export type SandboxKey = Branded<'SandboxKey'>;
/** Linux interface name, 1–15 bytes. */
export type IfName = Branded<'IfName'>;
/** Lower-case colon-separated 48-bit MAC address. */
export type Mac = Branded<'Mac'>;

const ID = /^[0-9A-Za-z][0-9A-Za-z_.-]{0,127}$/;
const IFNAME = /^[^\s/:\0%]{1,15}$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const SANDBOX = /^(\/[A-Za-z0-9_.-]+){1,16}$/;

function parseId(text: unknown, field: string): string {
  if (typeof text !== 'string' || !ID.test(text)) {
    throw new InvalidArgument(
      `${field} ${quote(text)} is not an id: expected 1–128 letters, digits, ".", "_" or "-"`,
      { field },
    );
  }
  return text;
}

/** Shows a foreign value in a message: JSON, at most 80 characters. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** @throws {InvalidArgument} when `text` is not 1–128 letters, digits, `.`, `_` or `-`. */
export function parseNetworkId(text: unknown, field = 'NetworkID'): NetworkId {
  return parseId(text, field) as NetworkId;
}

/** @throws {InvalidArgument} when `text` is not 1–128 letters, digits, `.`, `_` or `-`. */
export function parseEndpointId(text: unknown, field = 'EndpointID'): EndpointId {
  return parseId(text, field) as EndpointId;
}

/** @throws {InvalidArgument} when `text` is not an absolute path of plain components. */
export function parseSandboxKey(text: unknown, field = 'SandboxKey'): SandboxKey {
  if (typeof text !== 'string' || text.length > 255 || !SANDBOX.test(text) || text.includes('/..')) {
    throw new InvalidArgument(`${field} ${quote(text)} is not an absolute path`, { field });
  }
  return text as SandboxKey;
}

/** @throws {InvalidArgument} when `text` could not be a link name (net/core/dev.c: dev_valid_name()). */
export function parseIfName(text: unknown, field: string): IfName {
  if (
    typeof text !== 'string' ||
    !IFNAME.test(text) ||
    Buffer.byteLength(text) > 15 ||
    text === '.' ||
    text === '..'
  ) {
    throw new InvalidArgument(
      `${field} ${quote(text)} is not an interface name: expected 1–15 bytes without "/", ":", "%" or spaces`,
      { field },
    );
  }
  return text as IfName;
}

/**
 * A unicast MAC address in lower case.
 * @throws {InvalidArgument} when `text` is not six hex pairs, or is multicast or all zero.
 */
export function parseMac(text: unknown, field: string): Mac {
  const lower = typeof text === 'string' ? text.toLowerCase().replaceAll('-', ':') : '';
  if (!MAC.test(lower)) {
    throw new InvalidArgument(`${field} ${quote(text)} is not a MAC address: expected aa:bb:cc:dd:ee:ff`, {
      field,
    });
  }
  if ((Number.parseInt(lower.slice(0, 2), 16) & 1) === 1 || lower === '00:00:00:00:00:00') {
    throw new InvalidArgument(`${field} ${quote(text)} is not a unicast MAC address`, { field });
  }
  return lower as Mac;
}

/** The pool identity for a subnet in an address space (protocol: it must contain the space). */
export function poolIdOf(space: string, subnet: string): PoolId {
  return `${space}/${subnet}` as PoolId;
}
