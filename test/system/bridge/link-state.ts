import type { Container, Host } from '../../lab/index.ts';
import { run } from './probe.ts';

/** What `ip -j addr` says of a link. */
export interface LinkState {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** The links of a place that the words of `ip addr show` select; none when there is no such link. */
export async function linksOf(place: Container | Host, ...filter: string[]): Promise<readonly LinkState[]> {
  const { stdout } = await run(place, ['ip', '-j', 'addr', 'show', ...filter]);
  return (JSON.parse(stdout || '[]') as LinkState[]).filter((link) => link.ifname !== undefined);
}

/** Addresses of a link that are not link-local. */
export function addresses(link: LinkState | undefined): readonly string[] {
  return (link?.addr_info ?? []).filter(({ scope }) => scope === 'global').map(({ local }) => local);
}

/** A key of Docker's: `com.docker.network.NAME`. */
export const key = (name: string) => `com.docker.network.${name}`;
