import { takeSnapshot } from '../../lab/snapshot.ts';
import { outputOf } from '../../support/light-spawn.ts';
import { poll } from '../../support/poll.ts';

type Json = Readonly<Record<string, unknown>>;

/** A link as `ip -j -d addr` shows it. */
export interface Link {
  readonly ifname: string;
  readonly link_index?: number;
  readonly master?: string;
  readonly mtu: number;
  readonly address: string;
  readonly operstate: string;
  readonly flags: readonly string[];
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** Every link of this namespace. */
export function links(): readonly Link[] {
  return JSON.parse(outputOf(['ip', '-j', '-d', 'addr']));
}

/** A link by name; undefined when there is none. */
export function link(name: unknown): Link | undefined {
  return links().find(({ ifname }) => ifname === name);
}

/** The bridge of a network: its alias ends in the network's id. */
export function bridgeOf(networkId: string): Link | undefined {
  return links().find(
    ({ ifalias, linkinfo }) => linkinfo?.info_kind === 'bridge' && ifalias?.endsWith(networkId),
  );
}

/** Global addresses of a link with prefix lengths, sorted. */
export function addressesOf({ addr_info }: Link): readonly string[] {
  return addr_info
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .sort();
}

/** The whole of nftables, as `nft -j` shows it. */
export function ruleset(): readonly Json[] {
  const { nftables } = JSON.parse(outputOf(['nft', '-j', 'list', 'ruleset']));
  return nftables;
}

/** Links, routes and nftables of this host, one text a thing. */
export async function kernelState(): Promise<readonly string[]> {
  const things = await takeSnapshot([]);
  return things.filter((thing) => !NOT_KERNEL.test(thing)).concat(linkStates());
}

/** The link-local route comes with the first carrier and stays without one. */
const NOT_KERNEL = /^(process|mount|route fe80::\/64 dev) /;

function linkStates(): readonly string[] {
  return links().map(
    (each) => `state ${each.ifname} ${each.address} ${each.mtu} ${each.master ?? ''} ${addressesOf(each)}`,
  );
}

/** Waits until the kernel has the same as then: links go a moment after the answer. Gives what it has instead. */
export async function kernelStateLike(before: readonly string[]): Promise<readonly string[]> {
  const same = (now: readonly string[]) =>
    now.length === before.length && now.every((each, i) => each === before[i]);
  let now: readonly string[] = [];
  try {
    await poll(async () => {
      now = await kernelState();
      return same(now);
    }, 3000);
  } catch {
    // What differs is for the caller to show.
  }
  return now;
}
