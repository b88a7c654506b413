import { isIPv6 } from 'node:net';
import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

const DEFAULT_PORT = 2379;

/** Where one etcd member serves its clients. */
export interface EtcdEndpoint {
  /** Name or address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** What an `etcd://` text says. */
export interface EtcdUrl {
  readonly endpoints: readonly EtcdEndpoint[];
  readonly user?: string;
  readonly password?: string;
}

/**
 * Reads `etcd://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`. `etcds://` means TLS; the port is 2379 when absent; user
 * and password are percent-encoded where they hold `:`, `@`, `/` or `,`; IPv6 addresses stand in brackets.
 * @throws {InvalidArgument} naming the part that is wrong, never the password.
 */
export function parseEtcdUrl(text: string): EtcdUrl {
  const match = /^(etcds?):\/\/(?:([^@/]*)@)?([^@/?#]+)\/?$/.exec(text);
  if (match === null) {
    const shown = quote(text.replace(/\/\/[^@]*@/, '//…@'));
    throw new InvalidArgument(`store ${shown}: expected etcd://HOST:PORT[,HOST:PORT…]`);
  }
  const [, scheme, userinfo, hosts = ''] = match;
  const endpoints = hosts.split(',').map((host) => parseEndpoint(host, scheme === 'etcds'));
  return { endpoints, ...parseUser(userinfo) };
}

function parseUser(userinfo: string | undefined): Pick<EtcdUrl, 'user' | 'password'> {
  if (userinfo === undefined) return {};
  const [user = '', password, ...more] = userinfo.split(':').map(decodePart);
  if (user === '' || password === undefined || more.length > 0) {
    throw new InvalidArgument('store etcd://…@…: expected USER:PASSWORD before the @');
  }
  return { user, password };
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidArgument('store etcd://…@…: user or password has a % that begins no percent-encoding');
  }
}

function parseEndpoint(text: string, tls: boolean): EtcdEndpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (host === undefined || (match?.[1] !== undefined && !isIPv6(host)) || port < 1 || port > 65_535) {
    throw new InvalidArgument(
      `store endpoint ${quote(text)}: expected HOST:PORT, an IPv6 address in brackets`,
    );
  }
  return { host, port, tls };
}

/** `http://h1:2379`, `https://[fd00::1]:2379`: what messages and HTTP requests call the endpoint. */
export function formatOrigin({ host, port, tls }: EtcdEndpoint): string {
  return `${tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
