import { execFileSync } from 'node:child_process';
import { pino } from 'pino';
import type { Ip } from '../../core/address.ts';
import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { Backend, Service } from '../../core/service.ts';
import { Balancing } from '../../daemon/balancing/index.ts';
import { DriftLog } from '../../daemon/reconcile/index.ts';
import { NamespaceWatch } from '../../daemon/sandboxes/index.ts';
import { GivenServices } from '../../test/support/given-services.ts';
import { MemorySandboxes } from '../../test/support/memory-sandboxes.ts';

const NETWORK = 'bench';
const READY_MS = 120_000;

/** Many real network namespaces with virtual IPs kept in them by this process. */
export class VipSandboxes implements AsyncDisposable {
  readonly naming = new GivenServices();
  readonly #names: readonly string[];
  readonly #keys: readonly SandboxKey[];
  readonly #sandboxes = new MemorySandboxes();
  readonly #stack = new AsyncDisposableStack();
  #balancing: Balancing | undefined;

  private constructor(names: readonly string[]) {
    this.#names = names;
    this.#keys = names.map((name) => `/run/netns/${name}` as SandboxKey);
  }

  /** Makes `count` namespaces, and one in the place of the host. */
  static make(count: number): VipSandboxes {
    const names = Array.from({ length: count + 1 }, (_, n) => `weft-bench-${process.pid}-${n}`);
    netns('add', names);
    return new VipSandboxes(names);
  }

  /** Begins with services `1` to `count`, of three backends each. @returns ms until every sandbox has its tables. */
  async begin(count: number): Promise<number> {
    for (let n = 1; n <= count; n++) this.serve(n, [1, 2, 3]);
    const [host, ...keys] = this.#keys;
    const namespaces = this.#stack.use(new NamespaceWatch(this.#sandboxes));
    this.#balancing = this.#stack.use(
      await Balancing.open({
        naming: this.naming,
        sandboxes: this.#sandboxes,
        namespaces,
        hostNetworks: () => [NETWORK],
        ...(host === undefined ? {} : { hostNamespace: host }),
        drift: new DriftLog({ repaired: () => undefined, recovered: () => undefined }),
        clock: { now: () => Date.now() },
        log: pino({ level: 'warn' }, pino.destination(2)),
      }),
    );
    const begun = performance.now();
    for (const key of keys) this.#sandboxes.set(key, [NETWORK]);
    await this.everywhere();
    return performance.now() - begun;
  }

  /** Declares service `n` with these backends. */
  serve(n: number, backends: readonly number[]): void {
    this.naming.set(serviceOf(n), backends.map(backendOf));
  }

  /** Resolves when every sandbox holds what it should. @throws {Error} when one does not. */
  async everywhere(): Promise<void> {
    const [, ...keys] = this.#keys;
    const outcomes = await Promise.all(keys.map((key) => this.#balancing?.ready(key, READY_MS)));
    if (outcomes.includes(false)) throw new Error('a sandbox has no virtual IPs');
  }

  /** What nft(8) says of the ring of service `n` in a sandbox, the last one unless said. */
  ringIn(n: number, sandbox = this.#names.length - 2): string {
    const { vip4 } = serviceOf(n);
    const ring = this.run(sandbox, 'nft', ['list', 'map', 'ip', 'weft-vip', 'ring']);
    return [...ring.matchAll(/([\d.]+) \. 0x\w+ : ([\d.]+)/g)]
      .filter(([, vip]) => vip === vip4)
      .map(([, , backend]) => backend)
      .join(' ');
  }

  /** Runs a program in the namespace of a sandbox, counted from 0. @returns what it printed. */
  run(sandbox: number, program: string, args: readonly string[]): string {
    const where = this.#names[sandbox + 1] ?? '';
    return execFileSync('ip', ['netns', 'exec', where, program, ...args], { encoding: 'utf8' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    netns('del', this.#names);
  }
}

function netns(what: 'add' | 'del', names: readonly string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: names.map((name) => `netns ${what} ${name}\n`).join('') });
}

function serviceOf(n: number): Service {
  return {
    network: NETWORK,
    name: `s${n}`,
    // Of the others, connections of UDP must be looked for when a backend goes.
    ports: n % 2 === 0 ? [] : [{ protocol: 'tcp', port: 80, target: 8080 }],
    vip4: `198.18.${Math.floor(n / 250)}.${(n % 250) + 1}` as Ip,
    vip6: `fd00:a::2:${n.toString(16)}` as Ip,
  };
}

function backendOf(n: number): Backend {
  return {
    endpoint: `e${n}` as EndpointId,
    node: 'here',
    ipv4: `198.19.${Math.floor(n / 250)}.${(n % 250) + 1}` as Ip,
    ipv6: `fd00:a::1:${n.toString(16)}` as Ip,
    weight: 1,
    state: 'ready',
  };
}
