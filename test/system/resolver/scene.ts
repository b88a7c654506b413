import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Ip } from '../../../core/address.ts';
import type { SandboxKey } from '../../../core/ids.ts';
import type { Repair } from '../../../daemon/reconcile/index.ts';
import { endResolver, Resolver, serversOf } from '../../../daemon/resolver/index.ts';
import type { UpstreamServer } from '../../../discovery/index.ts';
import { MemoryNames } from '../../fakes/memory-names.ts';
import type { StreamResult } from '../../support/dns-stream.ts';
import { MemorySandboxes } from '../../support/memory-sandboxes.ts';
import { poll } from '../../support/poll.ts';
import { openScratchNamespace, type ScratchNamespace } from '../../support/scratch-namespace.ts';

export const ip = (text: string): Ip => text as Ip;

/** A sandbox as dockerd makes it: a file on which its network namespace is mounted, loopback up. */
export interface SceneSandbox extends Disposable {
  readonly key: SandboxKey;
  readonly namespace: ScratchNamespace;
  /** What dig prints of one question, without retries. */
  dig(...question: readonly string[]): string;
  /** Takes the file away, as dockerd does when the container stops. */
  unmount(): void;
}

const STREAM = join(import.meta.dirname, '../../support/dns-stream.ts');

const FLOOD = join(import.meta.dirname, '../../support/dns-flood.ts');

/** A stream of queries in a sandbox, until it is ended. */
export interface Stream {
  end(): Promise<StreamResult>;
}

export function startStream(
  { namespace }: SceneSandbox,
  rate: number,
  name: string,
  address: string,
  ...again: readonly number[]
): Stream {
  const child = spawn(
    'nsenter',
    [`--net=${namespace.path}`, process.execPath, STREAM, String(rate), name, address, ...again.map(String)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  return {
    end: async () => {
      child.stdin.end();
      await once(child, 'close');
      return JSON.parse(text) as StreamResult;
    },
  };
}

/** Queries for a name as fast as they go, none waiting for its answer, until disposed of. */
export function startFlood({ namespace }: SceneSandbox, name: string): Disposable {
  const child = spawn('nsenter', [`--net=${namespace.path}`, process.execPath, FLOOD, name], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return { [Symbol.dispose]: () => void child.stdin.end() };
}

/** Docker's resolver in a sandbox: rules at its priority that lead to a server on a port of its own. */
export function dockerResolver({ namespace }: SceneSandbox, ...records: readonly string[]): Disposable {
  const port = 20_053;
  namespace.run(`nft -f - <<'RULES'
table ip docker-dns {
  chain dns-dnat {
    type nat hook output priority -100;
    ip daddr 127.0.0.11 udp dport 53 counter dnat to 127.0.0.11:${port}
    ip daddr 127.0.0.11 tcp dport 53 counter dnat to 127.0.0.11:${port}
  }
  chain dns-snat {
    type nat hook postrouting priority 100;
    ip saddr 127.0.0.11 udp sport ${port} counter snat to :53
    ip saddr 127.0.0.11 tcp sport ${port} counter snat to :53
  }
}
RULES`);
  return dnsmasq(namespace, ['--listen-address=127.0.0.11', `--port=${port}`, ...records]);
}

/** A DNS server; `records` are options of dnsmasq(8). */
export function dnsmasq(namespace: ScratchNamespace, records: readonly string[]): Disposable {
  const options = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--local-ttl=300',
  ];
  const server = spawn(
    'nsenter',
    [`--net=${namespace.path}`, 'dnsmasq', ...options, '--pid-file=', '--user=root', ...records],
    { stdio: 'inherit' },
  );
  return { [Symbol.dispose]: () => void server.kill() };
}

/** Whether a process has ended, if not yet waited for by whoever started it. */
export function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

/** A directory for weftd and its resolver process, names and sandboxes; all of it goes with the test. */
export class ResolverScene implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-resolver-'));
  readonly runDir = join(this.directory, 'run');
  readonly stateDir = join(this.directory, 'state');
  readonly naming = new MemoryNames();
  readonly sandboxes = new MemorySandboxes();
  readonly log = pino(
    { level: process.env['WEFT_TEST_LOG'] ?? 'silent' },
    pino.destination({ fd: 2, sync: true }),
  );
  /** What sandboxes had done to their redirects. */
  readonly repairs: Repair[] = [];
  readonly #made: Disposable[] = [];
  #count = 0;

  constructor() {
    for (const each of ['run', 'state', 'netns']) mkdirSync(join(this.directory, each));
  }

  /** weftd's side, as a new weftd opens it. */
  resolver(
    options: {
      readonly build?: string;
      readonly ttl?: number;
      readonly servers?: readonly UpstreamServer[];
      readonly standby?: boolean;
    } = {},
  ): Promise<Resolver> {
    const { runDir, stateDir, naming, sandboxes, log } = this;
    const { build, ttl, servers = [], standby = true } = options;
    return Resolver.open({
      runDir,
      stateDir,
      naming,
      sandboxes,
      log,
      standby,
      version: 'test',
      ttlOf: () => ttl,
      drift: { add: (repair) => void this.repairs.push(repair) },
      serversOf: () => [...serversOf(), ...servers],
      ...(build === undefined ? {} : { build }),
    });
  }

  /** A sandbox that is on these networks. */
  async sandbox(networks: readonly string[] = ['net-id']): Promise<SceneSandbox> {
    const sandbox = await this.namespaceAt(this.nextKey());
    this.sandboxes.set(sandbox.key, networks);
    return sandbox;
  }

  nextKey(): SandboxKey {
    this.#count += 1;
    return join(this.directory, 'netns', `${this.#count}`) as SandboxKey;
  }

  async namespaceAt(key: SandboxKey): Promise<SceneSandbox> {
    const namespace = await openScratchNamespace();
    namespace.run('ip link set lo up');
    writeFileSync(key, '');
    execFileSync('mount', ['--bind', namespace.path, key]);
    let mounted = true;
    const unmount = (): void => {
      if (!mounted) return;
      mounted = false;
      execFileSync('umount', [key]);
      rmSync(key);
    };
    const dig = (...question: readonly string[]): string =>
      namespace.run(`dig +tries=1 +time=3 +noedns @127.0.0.11 ${question.join(' ')} || true`).trim();
    const sandbox = {
      key,
      namespace,
      dig,
      unmount,
      [Symbol.dispose]: () => {
        unmount();
        namespace[Symbol.dispose]();
      },
    };
    this.#made.push(sandbox);
    return sandbox;
  }

  /** Pid of the resolver process, as soon as its lock says so: 0 would be the test itself and all it has started. */
  running(): Promise<number> {
    return poll(() => this.pid > 0 && this.pid, 20_000);
  }

  /** Pid of the resolver process, as its lock says; 0 while that does not. */
  get pid(): number {
    return this.#pidOf('process.lock');
  }

  /** Waits until a process other than the one with `not` as pid stands by; its pid. */
  standby(not = 0): Promise<number> {
    return poll(() => {
      const pid = existsSync(join(this.runDir, 'resolver/standby.lock')) ? this.#pidOf('standby.lock') : 0;
      return ![0, not, this.pid].includes(pid) && !isGone(pid) && pid;
    }, 10_000);
  }

  /** Waits until a process serves so many sandboxes, other than the one with `not` as pid; its pid. */
  serving(resolver: Resolver, count: number, not = 0): Promise<number> {
    return poll(() => {
      const { process } = resolver.status;
      return process !== undefined && process.serving === count && process.pid !== not && process.pid;
    }, 20_000);
  }

  #pidOf(lock: string): number {
    // Empty for the moment in which a process has the lock and has not written yet.
    const text = readFileSync(join(this.runDir, 'resolver', lock), 'utf8') || '{"pid":0}';
    return (JSON.parse(text) as { pid: number }).pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endResolver({ runDir: this.runDir, log: this.log });
    for (const each of this.#made) each[Symbol.dispose]();
    rmSync(this.directory, { recursive: true });
  }
}
