import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Ip } from '../../core/address.ts';
import type { Clock } from '../../core/ports.ts';
import type { UpstreamServer } from '../../discovery/index.ts';

/** Where Docker's resolver is in every sandbox: it is asked first. */
const DOCKER: UpstreamServer = { address: '127.0.0.11' as Ip, port: 53, embedded: true };
const MOST_SERVERS = 3;
const REREAD_MS = 5000;

/** The second is where systemd-resolved names the servers behind its own (moby: libnetwork/resolvconf). */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

/**
 * Docker's resolver, and the host's own ones after it, for when Docker's does not answer. Those on the host's loopback
 * device cannot be reached from a sandbox.
 * @param texts of resolv.conf(5) files: the first that names a usable server counts.
 */
export function serversOf(...texts: readonly string[]): readonly UpstreamServer[] {
  for (const text of texts) {
    const addresses = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '');
    const usable = addresses.filter((each) => !/^(127\.|::1$|0\.0\.0\.0$|::$)/.test(each));
    const servers = afterDocker(usable);
    if (servers.length > 1) return servers;
  }
  return [DOCKER];
}

/**
 * Docker's resolver, which asks those that the container was given (`docker run --dns`), and then those or, where it
 * was given none, the host's. While that is not known Docker's is asked alone: what a container asks is not for
 * servers that it was not to use.
 * @param own the container's, as given; undefined: not known.
 */
export function serversBehindDocker(
  own: readonly string[] | undefined,
  host: () => readonly UpstreamServer[],
): readonly UpstreamServer[] {
  return own?.length === 0 ? host() : afterDocker(own ?? []);
}

/** What is no address, or Docker's resolver itself, is left out. */
function afterDocker(addresses: readonly string[]): readonly UpstreamServer[] {
  const usable = addresses.filter(
    (each) => isIP(each) !== 0 && !each.includes('%') && each !== DOCKER.address,
  );
  return [DOCKER, ...usable.slice(0, MOST_SERVERS).map((address) => ({ address: address as Ip, port: 53 }))];
}

/** `serversOf` by the host's files, which are read again after a while. */
export function hostServers(clock: Clock): () => readonly UpstreamServer[] {
  let servers = serversOf();
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.now() - readAt < REREAD_MS) return servers;
    readAt = clock.now();
    servers = serversOf(...FILES.map(textOf));
    return servers;
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // As good as one that names no server.
    return '';
  }
}
