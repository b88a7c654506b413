import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diesWithUs } from '../support/dies-with-us.ts';
import { type CommandOptions, ended, runCommand, signalProcess } from './command.ts';
import type { EtcdCertificates } from './etcd-certificates.ts';
import type { LabProcess } from './lab-process.ts';
import { until } from './until.ts';

/** Where a member may run: a lab machine fits. */
export interface EtcdPlace {
  readonly ip: string;
  spawn(argv: readonly string[]): Promise<LabProcess>;
  exec(argv: readonly string[], options?: CommandOptions): Promise<string>;
}

export interface MemberAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly place?: EtcdPlace;
}

interface MemberOptions {
  readonly address: MemberAddress;
  /** Folder of `etcd` and `etcdctl`. */
  readonly programs: string;
  /** Folder for the data of all members. */
  readonly data: string;
  /** `--initial-cluster` */
  readonly cluster: string;
  readonly args: readonly string[];
  readonly certificates?: EtcdCertificates;
}

interface Running {
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
  end(): Promise<number>;
  tail(): string;
}

/** One etcd server. */
export class EtcdMember {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly #options: MemberOptions;
  #process: Running | undefined;
  #token = 'weft-lab';

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.address.name;
    this.host = options.address.host;
    this.port = options.address.port;
    this.tls = options.certificates !== undefined;
  }

  get running(): boolean {
    return this.#process?.running === true;
  }

  /** Starts it on the data it has, unless it runs. */
  async start(): Promise<void> {
    if (this.running) return;
    const { address, programs, args, certificates } = this.#options;
    const argv = [
      join(programs, 'etcd'),
      ...['--name', address.name, '--data-dir', this.#dataDir, '--logger', 'zap', '--log-level', 'warn'],
      ...['--log-outputs', 'stderr'],
      ...['--listen-client-urls', address.clientUrl, '--advertise-client-urls', address.clientUrl],
      ...['--listen-peer-urls', address.peerUrl, ...this.#identity],
      ...(certificates === undefined
        ? []
        : [
            ...['--cert-file', certificates.server.cert, '--key-file', certificates.server.key],
            ...['--trusted-ca-file', certificates.ca, '--client-cert-auth'],
          ]),
      ...args,
    ];
    this.#process = address.place === undefined ? new LocalProcess(argv) : await address.place.spawn(argv);
  }

  /** Waits until it answers as part of a cluster with a leader. */
  async healthy(timeoutMs = 60_000): Promise<void> {
    const { address } = this.#options;
    const url = `${address.clientUrl}/health`;
    await until(
      `etcd ${this.name} is healthy`,
      async () => {
        if (!this.running) return 'ended';
        return (await this.#exec(['curl', '-sk', '-m', '2', ...this.#curlCertificate, url])).includes('true');
      },
      { timeoutMs, intervalMs: 50 },
    ).catch((error: unknown) => {
      throw new Error(`etcd ${this.name}: ${this.#process?.tail()}`, { cause: error });
    });
    if (!this.running) throw new Error(`etcd ${this.name} ended: ${this.#process?.tail()}`);
  }

  /** Ends it and waits until it is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    // A frozen process takes no SIGTERM.
    process.signal('SIGCONT');
    process.signal(signal);
    await process.end();
    this.#process = undefined;
  }

  /** Stops it where it stands: its kernel goes on acknowledging what comes, nobody answers. */
  freeze(): void {
    this.#process?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#process?.signal('SIGCONT');
  }

  /** Runs etcdctl against this member and gives what it printed. */
  ctl(args: readonly string[], user?: string): Promise<string> {
    const { programs, address, certificates } = this.#options;
    const secure =
      certificates === undefined
        ? []
        : [
            ...['--cacert', certificates.ca, '--cert', certificates.client.cert],
            ...['--key', certificates.client.key],
          ];
    const login = user === undefined ? [] : ['--user', user];
    const argv = [join(programs, 'etcdctl'), '--endpoints', address.clientUrl, ...secure, ...login, ...args];
    return this.#exec(['env', 'ETCDCTL_API=3', ...argv]);
  }

  /** What this member says of itself. */
  async status(): Promise<
    readonly { readonly memberId: string; readonly leader: string; readonly revision: number }[]
  > {
    const said = JSON.parse(await this.ctl(['endpoint', 'status', '-w', 'json'])) as readonly {
      readonly Status: {
        readonly header: { readonly member_id: number; readonly revision: number };
        readonly leader: number;
      };
    }[];
    return said.map(({ Status }) => ({
      memberId: String(Status.header.member_id),
      leader: String(Status.leader),
      revision: Status.header.revision,
    }));
  }

  /** Makes its data new from a snapshot; it must not run. */
  async restore(file: string): Promise<void> {
    await rm(this.#dataDir, { recursive: true, force: true });
    const { programs, address } = this.#options;
    const argv = [join(programs, 'etcdctl'), 'snapshot', 'restore', file, '--data-dir', this.#dataDir];
    const identity = this.#identity.filter((_, index, all) => {
      const state = all.indexOf('--initial-cluster-state');
      return index !== state && index !== state + 1;
    });
    await runCommand(['env', 'ETCDCTL_API=3', ...argv, '--name', address.name, ...identity]);
  }

  /** Members restored from now on belong to another cluster by its id. */
  renameCluster(token: string): void {
    this.#token = token;
  }

  get #dataDir(): string {
    return join(this.#options.data, this.name);
  }

  get #identity(): readonly string[] {
    const { address, cluster } = this.#options;
    return [
      ...['--initial-advertise-peer-urls', address.peerUrl, '--initial-cluster', cluster],
      ...['--initial-cluster-token', this.#token, '--initial-cluster-state', 'new'],
    ];
  }

  get #curlCertificate(): readonly string[] {
    const { certificates } = this.#options;
    return certificates === undefined
      ? []
      : ['--cert', certificates.client.cert, '--key', certificates.client.key];
  }

  #exec(argv: readonly string[]): Promise<string> {
    return this.#options.address.place?.exec(argv) ?? runCommand(argv);
  }
}

/** A program in this process's own namespaces, which ends with this process at the latest. */
class LocalProcess implements Running {
  readonly #child: ChildProcess;
  #said = '';

  constructor(argv: readonly string[]) {
    const [program, ...args] = diesWithUs(argv);
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-20_000);
    });
    this.#child.on('error', (error) => {
      this.#said += error.message;
    });
    this.#child.unref();
  }

  get running(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) signalProcess(this.#child.pid, signal);
  }

  end(): Promise<number> {
    this.#child.ref();
    return ended(this.#child);
  }

  tail(): string {
    return this.#said.trim().split('\n').slice(-15).join('\n');
  }
}
