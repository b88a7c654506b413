import type { Ip } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { NetworkRequest } from '../../core/model.ts';
import { type OptionReader, optional } from '../options/index.ts';

export const GATEWAY_MODES = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;
export type GatewayMode = (typeof GATEWAY_MODES)[number];

/** Gratuitous announcements at Join: how many, 0–3, and how far apart. */
export interface AnnouncementOptions {
  readonly announcements: number;
  readonly announceMs: number;
}

/** Options of every network with a bridge on the host. Key names are Docker's (moby: drivers/bridge/labels.go). */
export interface SegmentOptions extends AnnouncementOptions {
  readonly masquerade: boolean;
  /** Default host address of published ports; absent: every address. */
  readonly hostBinding?: Ip;
  readonly modeIpv4: GatewayMode;
  readonly modeIpv6: GatewayMode;
  /** Bytes; absent: the driver's own choice. */
  readonly mtu?: number;
  readonly ifacePrefix: string;
  readonly snatIpv4?: Ip;
  readonly snatIpv6?: Ip;
  readonly isolate: boolean;
  readonly internal: boolean;
  /** How long clients may keep names of the network, in seconds; absent: the resolver's own choice. */
  readonly dnsTtl?: number;
}

/** What the options of a network depend on. */
export type OptionContext = Pick<NetworkRequest, 'options' | 'internal' | 'ipv6'>;

/** 68 is the least IPv4 link MTU (RFC 791 section 3.1), 1280 IPv6's (RFC 8200 section 5). */
export const LEAST_MTU = { 4: 68, 6: 1280 } as const;
const MOST_MTU = 65_535;
/** A day: names of containers do not live longer without a change. */
const MOST_DNS_TTL = 86_400;
const DNS_TTL = 'weft.dns.ttl';
const IFACE_PREFIX = /^[A-Za-z][A-Za-z0-9_-]{0,10}$/;

/**
 * @param modes gateway modes that the driver can provide.
 * @throws {InvalidArgument} naming the option, the value and what is accepted.
 */
export function readSegmentOptions(
  reader: OptionReader,
  request: OptionContext,
  modes: readonly GatewayMode[],
): SegmentOptions {
  const internal = reader.boolean('com.docker.network.internal', false) || request.internal;
  // The subnets that Docker hands over decide about families, and no weft network is Docker's default.
  reader.accept(
    'com.docker.network.enable_ipv4',
    'com.docker.network.enable_ipv6',
    'com.docker.network.bridge.default_bridge',
  );
  const gatewayMode = (key: string) => readGatewayMode(reader, key, { modes, internal });
  return {
    masquerade: reader.boolean('com.docker.network.bridge.enable_ip_masquerade', true),
    ...optional('hostBinding', reader.ip('com.docker.network.bridge.host_binding_ipv4')),
    modeIpv4: gatewayMode('com.docker.network.bridge.gateway_mode_ipv4'),
    modeIpv6: gatewayMode('com.docker.network.bridge.gateway_mode_ipv6'),
    ...optional('mtu', readMtu(reader, request)),
    ifacePrefix: readIfacePrefix(reader),
    ...optional('snatIpv4', reader.ip('com.docker.network.host_ipv4', 4)),
    ...optional('snatIpv6', reader.ip('com.docker.network.host_ipv6', 6)),
    ...readAnnouncements(reader),
    isolate: reader.boolean('weft.isolate', true),
    internal,
    ...optional('dnsTtl', readDnsTtl(reader)),
  };
}

function readGatewayMode(
  reader: OptionReader,
  key: string,
  { modes, internal }: { readonly modes: readonly GatewayMode[]; readonly internal: boolean },
): GatewayMode {
  const mode = reader.choice(key, modes, 'nat');
  if (mode === 'isolated' && !internal) {
    throw new InvalidArgument(`option ${key} is "isolated": that needs an --internal network`, {
      field: key,
    });
  }
  return mode;
}

/** Seconds. */
export function readDnsTtl(reader: OptionReader): number | undefined {
  return reader.integer(DNS_TTL, { min: 0, max: MOST_DNS_TTL });
}

/** Bytes; undefined: the driver's own choice. */
export function readMtu(reader: OptionReader, request: Pick<OptionContext, 'ipv6'>): number | undefined {
  const key = 'com.docker.network.driver.mtu';
  if (reader.text(key) === '0') return undefined;
  return reader.integer(key, { min: LEAST_MTU[request.ipv6.length > 0 ? 6 : 4], max: MOST_MTU });
}

export function readIfacePrefix(reader: OptionReader): string {
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

/** @throws {InvalidArgument} naming the option, the value and what is accepted. */
export function readAnnouncements(reader: OptionReader): AnnouncementOptions {
  return {
    announcements: reader.integer('com.docker.network.advertise_addr_nmsgs', { min: 0, max: 3 }) ?? 3,
    announceMs: reader.integer('com.docker.network.advertise_addr_ms', { min: 100, max: 2000 }) ?? 1000,
  };
}
