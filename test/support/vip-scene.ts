import {
  CLIENT_MAPS,
  clientsToForget,
  planVips,
  type ServedService,
  VIP_TABLE,
  type VipTableShape,
} from '../../balancer/index.ts';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { KernelObject } from '../../core/kernel-objects.ts';
import { hostState, keyOf, nftFamily } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import type { Backend, BackendState, Service } from '../../core/service.ts';
import { Nftables, tableObject } from '../../kernel/nftables/index.ts';
import { type NetAgent, openNetAgent } from './net-agent.ts';
import { openScratchNamespace, type ScratchNamespace } from './scratch-namespace.ts';

/** Containers on one bridge. `client` is the first of them; the others are backends `b1`, `b2`, … */
export interface VipScene extends AsyncDisposable {
  readonly client: VipHost;
  readonly backends: readonly VipHost[];
  /** Where the bridge `net0` is. */
  readonly host: ScratchNamespace;
}

export interface VipHost {
  readonly name: string;
  readonly namespace: ScratchNamespace;
  readonly agent: NetAgent;
  readonly ipv4: Ip;
  readonly ipv6: Ip;
}

/** Makes a bridge with a client and `count` backends on it, in namespaces of their own: 198.18.0.0/16, fd00:a::/64. */
export async function openVipScene(count: number): Promise<VipScene> {
  const bridge = await openScratchNamespace();
  bridge.run('ip link add name net0 type bridge mcast_snooping 0; ip link set net0 up');
  const hosts: VipHost[] = [];
  for (let n = 1; n <= count + 1; n++) {
    const namespace = await openScratchNamespace();
    bridge.run(`ip link add p${n} type veth peer name eth0 netns ${namespace.pid}
      ip link set p${n} master net0 up`);
    const [ipv4, ipv6] = [`198.18.1.${n}` as Ip, `fd00:a::1:${n}` as Ip];
    namespace.run(`ip link set lo up
      sysctl -qw net.ipv6.conf.eth0.accept_dad=0
      ip link set eth0 up
      ip addr add ${ipv4}/16 dev eth0; ip addr add ${ipv6}/64 dev eth0`);
    const name = n === 1 ? 'client' : `b${n - 1}`;
    hosts.push({ name, namespace, agent: openNetAgent(namespace), ipv4, ipv6 });
  }
  const [client, ...backends] = hosts;
  if (client === undefined) throw new Error('no client');
  return {
    client,
    backends,
    host: bridge,
    [Symbol.asyncDispose]: async () => {
      for (const { agent, namespace } of hosts) {
        agent[Symbol.dispose]();
        namespace[Symbol.dispose]();
      }
      bridge[Symbol.dispose]();
    },
  };
}

/** Has each host say its name on these ports. */
export async function serveAll(hosts: readonly VipHost[], ports: { tcp?: number[]; udp?: number[] }) {
  await Promise.all(hosts.map(({ agent, name }) => agent.run('serve', { name, ...ports })));
}

/** A backend of the scene as the plan sees it. */
export function backendOf(host: VipHost, change: { weight?: number; state?: BackendState } = {}): Backend {
  return {
    endpoint: host.name as EndpointId,
    node: 'here',
    ipv4: host.ipv4,
    ipv6: host.ipv6,
    weight: change.weight ?? 1,
    state: change.state ?? 'ready',
  };
}

/** A service of the scene's network with VIPs of both families ending in `n`. */
export function serviceOf(n: number, more: Partial<Service> = {}): Service {
  return {
    network: 'net',
    name: `s${n}`,
    ports: [],
    vip4: `198.18.${200 + Math.floor(n / 250)}.${(n % 250) + 1}` as Ip,
    vip6: `fd00:a::2:${n.toString(16)}` as Ip,
    ...more,
  };
}

/** Keeps one namespace as a plan says: what changes from one plan to the next is one transaction. */
export class VipNamespace implements AsyncDisposable {
  readonly nft: Nftables;
  #has: ReadonlyMap<string, KernelObject> = new Map();

  private constructor(nft: Nftables) {
    this.nft = nft;
  }

  static async open(namespace: ScratchNamespace): Promise<VipNamespace> {
    return new VipNamespace(await Nftables.open({ namespace: namespace.path, tables: [VIP_TABLE] }));
  }

  /** Makes it so; gives the steps it took. */
  async set(
    served: readonly ServedService[],
    { place = 'sandbox', counted = 'bytes' }: Partial<VipTableShape> = {},
  ): Promise<readonly Step[]> {
    const { tables, elements } = planVips(served, { place, counted });
    const wants = hostState([...tables.map(tableObject), ...elements]);
    const steps: Step[] = [];
    for (const [key, was] of this.#has) if (!wants.has(key)) steps.push({ op: 'delete', object: was });
    for (const [key, object] of wants) {
      const was = this.#has.get(key);
      if (was === undefined) steps.push({ op: 'create', object });
      else if (identity(was) !== identity(object)) steps.push({ op: 'replace', object, was });
    }
    await this.nft.apply(steps);
    this.#has = wants;
    await this.#forget(served);
    return steps;
  }

  async #forget(served: readonly ServedService[]): Promise<void> {
    const known = await Promise.all(
      CLIENT_MAPS.map(({ family, table, set }) => this.nft.elements(nftFamily(family), table, set)),
    );
    const gone = clientsToForget(served, known.flat());
    if (gone.length > 0) await this.nft.apply(gone.map((object) => ({ op: 'delete', object })));
  }

  /** Keys of what the kernel holds otherwise than it was last set, dumped anew. */
  async differences(): Promise<readonly string[]> {
    const found = hostState(await this.nft.snapshot());
    const keys = new Set([...found.keys(), ...this.#has.keys()]);
    return [...keys].filter((key) => {
      const [is, wanted] = [found.get(key), this.#has.get(key)];
      return is === undefined || wanted === undefined || identity(is) !== identity(wanted);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nft[Symbol.asyncDispose]();
  }
}

function identity(object: KernelObject): string {
  if (object.kind === 'table') return object.fingerprint;
  return object.kind === 'element' ? `${keyOf(object)} ${object.data?.join(' ')}` : keyOf(object);
}
