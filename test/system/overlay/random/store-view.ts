import { BlockList } from 'node:net';
import type { EtcdCluster } from '../../../lab/etcd.ts';

/** What weft keeps in etcd, by the part of the key that says what it is. */
export interface StoreView {
  /** `NETWORK/NODE` of each endpoint, with its id. */
  readonly endpoints: readonly { readonly network: string; readonly node: string; readonly id: string }[];
  readonly networks: readonly string[];
  readonly left: readonly string[];
  readonly blocks: readonly BlockView[];
}

/** A part of a subnet and who gives its addresses. */
export interface BlockView {
  readonly network: string;
  readonly cidr: string;
  readonly owner?: string;
  /** Single addresses and the nodes they were given to. */
  readonly grants: Readonly<Record<string, string>>;
}

/** Reads all of it from a member. @throws {Error} when no member answers. */
export async function viewStore(etcd: EtcdCluster): Promise<StoreView> {
  const text = await etcd.any.ctl(['get', '/weft/', '--prefix', '-w', 'json']);
  const { kvs = [] } = JSON.parse(text) as { readonly kvs?: readonly { key: string; value: string }[] };
  const entries = kvs.map(({ key, value }) => ({
    parts: Buffer.from(key, 'base64').toString().slice('/weft/'.length).split('/'),
    value: Buffer.from(value, 'base64').toString(),
  }));
  const of = (kind: string) => entries.filter(({ parts }) => parts[0] === kind);
  return {
    endpoints: of('endpoint').map(({ parts: [, network = '', node = '', id = ''] }) => ({
      network,
      node,
      id,
    })),
    networks: of('network').map(({ parts }) => parts[1] ?? ''),
    left: of('left').map(({ parts }) => parts.slice(1).join('/')),
    blocks: of('block').map(({ parts: [, network = '', base = '', length = ''], value }) => {
      const { owner, grants } = JSON.parse(value) as BlockRecord;
      return {
        network,
        cidr: `${base}/${length}`,
        ...(owner === undefined ? {} : { owner }),
        grants: Object.fromEntries(Object.entries(grants).map(([ip, { node }]) => [ip, node])),
      };
    }),
  };
}

interface BlockRecord {
  readonly owner?: string;
  readonly grants: Readonly<Record<string, { readonly node: string }>>;
}

/** The node that may give an address of a network; undefined when none may. */
export function giverOf({ blocks }: StoreView, network: string, ip: string): string | undefined {
  const block = blocks.find((each) => each.network === network && isIn(each.cidr, ip));
  return block?.grants[ip] ?? block?.owner;
}

/** Whether an address is one of a subnet's. */
export function isIn(cidr: string, ip: string): boolean {
  const [base = '', length] = cidr.split('/');
  const family = ip.includes(':') ? 'ipv6' : 'ipv4';
  if (base.includes(':') !== ip.includes(':')) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(length), family);
  return list.check(ip, family);
}
