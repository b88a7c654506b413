import type { Ip } from '../../core/address.ts';
import type { HostFacts } from '../../core/driver.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { NetworkRequest } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { OptionReader } from '../options/index.ts';

export const GATEWAY_MODES = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;
export type GatewayMode = (typeof GATEWAY_MODES)[number];

/** Options of a weft-bridge network, complete. Key names are Docker's (moby: drivers/bridge/labels.go). */
export interface BridgeOptions {
  readonly bridge: IfName;
  /** The bridge was there before the network; it stays when the network goes. */
  readonly adopted: boolean;
  readonly icc: boolean;
  readonly masquerade: boolean;
  /** Default host address of published ports; absent: every address. */
  readonly hostBinding?: Ip;
  readonly modeIpv4: GatewayMode;
  readonly modeIpv6: GatewayMode;
  readonly inhibitIpv4: boolean;
  /** Bytes; absent: the kernel's 1500. */
  readonly mtu?: number;
  readonly ifacePrefix: string;
  readonly snatIpv4?: Ip;
  readonly snatIpv6?: Ip;
  readonly trusted: readonly IfName[];
  /** Gratuitous announcements at Join, 0–3, `announceMs` apart. */
  readonly announcements: number;
  readonly announceMs: number;
  readonly isolate: boolean;
  readonly internal: boolean;
  /** Docker's keys that mean nothing here; logged at creation. */
  readonly ignored: readonly string[];
}

/** 68 is the least IPv4 link MTU (RFC 791 section 3.1), 1280 IPv6's (RFC 8200 section 5). */
const MTU = { min: 68, max: 65_535 };
const MTU_IPV6 = { min: 1280, max: 65_535 };
const IFACE_PREFIX = /^[A-Za-z][A-Za-z0-9_-]{0,10}$/;

/**
 * @throws {InvalidArgument} naming the option, the value and what is accepted.
 * @throws {Conflict} when the bridge name belongs to a link that is no bridge.
 */
export function parseBridgeOptions(request: NetworkRequest, host: HostFacts): BridgeOptions {
  const reader = new OptionReader(request.options, 'weft-bridge');
  const internal = reader.boolean('com.docker.network.internal', false) || request.internal;
  reader.accept(
    'com.docker.network.enable_ipv4',
    'com.docker.network.enable_ipv6',
    'com.docker.network.bridge.default_bridge',
  );
  const options = {
    ...bridgeName(reader, request, host),
    icc: reader.boolean('com.docker.network.bridge.enable_icc', true),
    masquerade: reader.boolean('com.docker.network.bridge.enable_ip_masquerade', true),
    ...optional('hostBinding', reader.ip('com.docker.network.bridge.host_binding_ipv4')),
    modeIpv4: gatewayMode(reader, 'com.docker.network.bridge.gateway_mode_ipv4', internal),
    modeIpv6: gatewayMode(reader, 'com.docker.network.bridge.gateway_mode_ipv6', internal),
    inhibitIpv4: reader.boolean('com.docker.network.bridge.inhibit_ipv4', false),
    ...optional('mtu', mtu(reader, request)),
    ifacePrefix: ifacePrefix(reader),
    ...optional('snatIpv4', reader.ip('com.docker.network.host_ipv4', 4)),
    ...optional('snatIpv6', reader.ip('com.docker.network.host_ipv6', 6)),
    trusted: reader.ifNames('com.docker.network.bridge.trusted_host_interfaces', ':'),
    announcements: reader.integer('com.docker.network.advertise_addr_nmsgs', { min: 0, max: 3 }) ?? 3,
    announceMs: reader.integer('com.docker.network.advertise_addr_ms', { min: 100, max: 2000 }) ?? 1000,
    isolate: reader.boolean('weft.isolate', true),
    internal,
  };
  return { ...options, ignored: reader.finish() };
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: Value });
}

function bridgeName(
  reader: OptionReader,
  request: NetworkRequest,
  host: HostFacts,
): { readonly bridge: IfName; readonly adopted: boolean } {
  const key = 'com.docker.network.bridge.name';
  const name = reader.ifName(key);
  if (name === undefined) return { bridge: linkName('wb', request.id), adopted: false };
  if (/^w[bxvc]-/.test(name)) {
    throw new InvalidArgument(
      `option ${key} is "${name}": names that begin with wb-, wx-, wv- or wc- are weft's own`,
      {
        field: key,
      },
    );
  }
  const existing = host.foreignLinks.get(name);
  if (existing !== undefined && existing.type !== 'bridge') {
    throw new Conflict(
      `option ${key} is "${name}": that link exists and is a ${existing.type || 'device'}, not a bridge`,
    );
  }
  return { bridge: name, adopted: existing !== undefined };
}

function gatewayMode(reader: OptionReader, key: string, internal: boolean): GatewayMode {
  const mode = reader.choice(key, GATEWAY_MODES, 'nat');
  if (mode === 'isolated' && !internal) {
    throw new InvalidArgument(`option ${key} is "isolated": that needs an --internal network`, {
      field: key,
    });
  }
  return mode;
}

function mtu(reader: OptionReader, request: NetworkRequest): number | undefined {
  const key = 'com.docker.network.driver.mtu';
  if (reader.text(key) === '0') return undefined;
  return reader.integer(key, request.ipv6.length > 0 ? MTU_IPV6 : MTU);
}

function ifacePrefix(reader: OptionReader): string {
  const key = 'com.docker.network.container_iface_prefix';
  const prefix = reader.text(key) ?? 'eth';
  if (!IFACE_PREFIX.test(prefix) || prefix === 'lo') {
    throw new InvalidArgument(
      `option ${key} is ${JSON.stringify(prefix)}: expected a letter and up to 10 letters, digits, "-" or "_"`,
      { field: key },
    );
  }
  return prefix;
}
