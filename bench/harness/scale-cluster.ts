import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openSqliteStore } from '../../store/index.ts';
import { startEtcd } from '../../test/lab/etcd.ts';
import {
  CHECKOUT,
  createMachine,
  createUnderlay,
  type LabProcess,
  type Machine,
  NODE,
  until,
} from '../../test/lab/index.ts';
import { BareWeftd } from './bare-weftd.ts';
import { EngineSide } from './engine-side.ts';
import { MOST_HOSTS, SIMULATED_SUBNETS } from './simulated-hosts.ts';

const NETWORK = 'scale';
const SIMULATE = join(CHECKOUT, 'bench/harness/simulate.ts');
/** Every simulated endpoint's MAC begins so; nobody else's does. */
const MACS = '02:42:00:';
const FILL_MS = 180_000;
const COMPLETE_MS = 60_000;
/** Between two looks at how much the kernel has: a look takes processor time from what is measured. */
const LOOK_MS = 100;
const DELETED_AT_ONCE = 100;

/** What one join costs the store and those who watch it. */
export interface JoinCost {
  readonly events: number;
  /** Of the messages that each watching host receives. */
  readonly wireBytes: number;
  /** Keys and values. */
  readonly storedBytes: number;
}

/** One real host, its weftd and kernel, in a cluster whose other hosts are records in a real etcd. */
export class ScaleCluster implements AsyncDisposable {
  readonly weftd: BareWeftd;
  readonly #side: EngineSide;
  readonly #networkId: string;
  readonly #other: Machine;
  readonly #etcdUrl: string;
  readonly #stateDir: string;
  readonly #links: { readonly bridge: string; readonly vxlan: string };
  readonly #stack: AsyncDisposableStack;
  #endpoints = 0;
  #joins = 0;

  private constructor(parts: {
    readonly weftd: BareWeftd;
    readonly side: EngineSide;
    readonly networkId: string;
    readonly other: Machine;
    readonly etcdUrl: string;
    readonly stateDir: string;
    readonly links: { readonly bridge: string; readonly vxlan: string };
    readonly stack: AsyncDisposableStack;
  }) {
    this.weftd = parts.weftd;
    this.#side = parts.side;
    this.#networkId = parts.networkId;
    this.#other = parts.other;
    this.#etcdUrl = parts.etcdUrl;
    this.#stateDir = parts.stateDir;
    this.#links = parts.links;
    this.#stack = parts.stack;
  }

  /** A host with one overlay network, IPv4 and IPv6, and an etcd beside it. */
  static async open(): Promise<ScaleCluster> {
    await using stack = new AsyncDisposableStack();
    const lan = stack.use(await createUnderlay());
    const machine = await createMachine(lan, 'h1');
    const other = await createMachine(lan, 'e1');
    const etcd = stack.use(await startEtcd({ version: '3.4', on: [other] }));
    await other.exec([NODE, SIMULATE, 'reserve', etcd.url, NETWORK, String(MOST_HOSTS)]);
    const stateDir = await mkdtemp(join(tmpdir(), 'weft-scale-'));
    stack.defer(() => rm(stateDir, { recursive: true, force: true }));
    const args = ['--store', etcd.url, '--node', 'h1', '--address', machine.ip];
    const weftd = stack.use(await BareWeftd.boot({ machine, stateDir, args }));
    const side = stack.use(new EngineSide(weftd, 'weft-overlay'));
    const networkId = await side.createNetwork(SIMULATED_SUBNETS.ipv4, {
      ipv6: SIMULATED_SUBNETS.ipv6,
      options: { 'weft.network': NETWORK },
    });
    const links = { bridge: await linkOf(machine, 'wb-'), vxlan: await linkOf(machine, 'wx-') };
    const parts = { weftd, side, networkId, other, etcdUrl: etcd.url, stateDir, links };
    return new ScaleCluster({ ...parts, stack: stack.move() });
  }

  /** Hosts and endpoints that there are not yet are written to the store; resolves when this host's kernel has all. */
  async growTo(hosts: number, endpointsPerHost: number): Promise<void> {
    const numbers = [hosts, endpointsPerHost].map(String);
    await this.#other.exec([NODE, SIMULATE, 'fill', this.#etcdUrl, NETWORK, ...numbers], {
      timeoutMs: FILL_MS,
    });
    this.#endpoints = hosts * endpointsPerHost;
    await this.#complete();
  }

  /**
   * Seconds from a start of weftd until the kernel has an entry of every kind for every endpoint, of which it has
   * none, nor a bridge or VXLAN device, nor has weftd a copy of the shared store. The moment is when weftd says that
   * the kernel has acknowledged them all; that they are there is looked up afterwards, as a look takes tenths of a
   * second of the processor.
   */
  async coldStart(): Promise<{ readonly ready: number; readonly complete: number }> {
    await this.weftd.stop();
    for (const link of Object.values(this.#links)) await this.weftd.machine.exec(['ip', 'link', 'del', link]);
    await this.weftd.machine.exec(['nft', 'flush', 'ruleset']);
    await this.#forgetCopy();
    const began = Date.now();
    const ready = await this.weftd.start();
    const recovered = this.weftd.loggedAt('recovered');
    await this.#complete();
    return { ready, complete: (recovered - began) / 1000 };
  }

  /** Milliseconds from the commit of each of `count` joins elsewhere until the kernel here has its last entry. */
  async remoteJoins(count: number): Promise<readonly number[]> {
    await using stack = new AsyncDisposableStack();
    const { machine } = this.weftd;
    const monitors = await Promise.all([
      machine.spawn(['bridge', '-t', 'monitor', 'fdb']),
      machine.spawn(['ip', '-t', 'monitor', 'neigh']),
    ]);
    for (const monitor of monitors) stack.defer(() => monitor.stop().then(() => undefined));
    // They print nothing until something happens.
    await delay(500);
    const first = 101 + this.#joins;
    this.#joins += 10;
    const numbers = ['10', String(first), String(count)];
    const argv = [NODE, SIMULATE, 'join', this.#etcdUrl, NETWORK, ...numbers];
    const printed = await this.#other.exec(argv, { timeoutMs: COMPLETE_MS });
    const joins = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly mac: string; readonly committed: number });
    return joins.map(({ mac, committed }) => lastSeen(monitors, mac) - committed);
  }

  /** What a join on this host costs, between two looks at a second watcher of the store. */
  async joinCost(count: number): Promise<JoinCost> {
    const watch = await this.#other.spawn([NODE, SIMULATE, 'watch', this.#etcdUrl]);
    await watch.line('that it watches', (line) => line.startsWith('{'));
    const before = watch.lines.length;
    const joined = [];
    for (let i = 0; i < count; i++) {
      joined.push(await this.#side.join(this.#networkId, []));
      await delay(50);
    }
    await delay(500);
    const messages = watch.lines
      .slice(before)
      .map((line) => JSON.parse(line) as { bytes: number; keys: readonly string[]; stored: number });
    const sum = (of: (message: (typeof messages)[number]) => number) =>
      messages.reduce((total, message) => total + of(message), 0) / count;
    await watch.stop();
    for (const endpoint of joined) await this.#side.remove(endpoint);
    return {
      events: sum(({ keys }) => keys.length),
      wireBytes: sum(({ bytes }) => bytes),
      storedBytes: sum(({ stored }) => stored),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }

  /** Two forwarding entries (on the VXLAN device and on its bridge) and two neighbours an endpoint. */
  async #complete(): Promise<void> {
    const { bridge, vxlan } = this.#links;
    const count = `(bridge fdb show dev ${vxlan}; ip neigh show dev ${bridge}) 2>/dev/null | grep -c ${MACS} || true`;
    const has = async () => Number(await this.weftd.machine.exec(['sh', '-c', count])) >= 4 * this.#endpoints;
    await until('the kernel has every entry', has, { timeoutMs: COMPLETE_MS, intervalMs: LOOK_MS });
  }

  /** As on a host that never saw this cluster. */
  async #forgetCopy(): Promise<void> {
    const path = join(this.#stateDir, 'weft.db');
    await using store = await openSqliteStore({ path, warn: () => undefined });
    const { entries } = await store.list('mirror/');
    for (let i = 0; i < entries.length; i += DELETED_AT_ONCE) {
      const batch = entries.slice(i, i + DELETED_AT_ONCE).map(({ key }) => key);
      await store.commit({ delete: batch, durability: 'process' });
    }
  }
}

async function linkOf(machine: Machine, prefix: string): Promise<string> {
  const links = JSON.parse(await machine.exec(['ip', '-j', 'link'])) as readonly { ifname: string }[];
  const link = links.find(({ ifname }) => ifname.startsWith(prefix));
  if (link === undefined) throw new Error(`the network has no link ${prefix}…`);
  return link.ifname;
}

/** When the last entry with that MAC was added, milliseconds since the epoch. */
function lastSeen(monitors: readonly LabProcess[], mac: string): number {
  const times = monitors.flatMap(({ lines }) =>
    lines.flatMap((line, index) => {
      if (!line.includes(mac) || line.startsWith('Deleted')) return [];
      // Timestamp: Sat Nov 21 15:04:05 2026 123456 usec
      const stamp = /^Timestamp: (.*) (\d+) usec$/.exec(lines[index - 1] ?? '');
      const [, second = '', microseconds = ''] = stamp ?? [];
      return stamp === null ? [] : [new Date(second).getTime() + Number(microseconds) / 1000];
    }),
  );
  if (times.length < 4) throw new Error(`the kernel got ${times.length} of 4 entries for ${mac}`);
  return Math.max(...times);
}
