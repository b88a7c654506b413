import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import type { EtcdCertificates } from './etcd-certificates.ts';
import { EtcdMember, type EtcdPlace, type MemberAddress } from './etcd-member.ts';
import { cacheFolder } from './paths.ts';

/** Debian 12's etcd and Debian testing's. */
export const ETCDS = ['3.4', '3.5'] as const;

export type EtcdSeries = (typeof ETCDS)[number];

/** What a cluster is started with. */
export interface EtcdOptions {
  readonly version: EtcdSeries;
  /** 1 if absent. */
  readonly members?: 1 | 3;
  /**
   * One place for each member, which then listens on that machine's underlay address with etcd's own ports. Absent:
   * in this process's network namespace, on loopback with free ports.
   */
  readonly on?: readonly EtcdPlace[];
  /** Clients have to speak TLS and show a certificate of the same authority. */
  readonly certificates?: EtcdCertificates;
  /** More arguments for every member. */
  readonly args?: readonly string[];
}

/** Folder of an unpacked etcd; fetched when it is not there. */
async function etcdFolder(version: EtcdSeries): Promise<string> {
  const folder = join(cacheFolder(), 'etcd', version, 'root/bin-wrapped');
  if (!existsSync(join(folder, 'etcd'))) {
    await runCommand([join(import.meta.dirname, 'fetch-etcd'), version], { timeoutMs: 300_000 });
  }
  return folder;
}

/** Starts a cluster and waits until it answers. It ends with this process at the latest. */
export async function startEtcd(options: EtcdOptions): Promise<EtcdCluster> {
  const programs = await etcdFolder(options.version);
  const data = await mkdtemp(join(tmpdir(), 'weft-etcd-'));
  const addresses = await memberAddresses(options);
  const cluster = addresses.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  const members = addresses.map(
    (address) =>
      new EtcdMember({ address, programs, data, cluster, args: options.args ?? [], ...secure(options) }),
  );
  const etcd = new EtcdCluster(options.version, members, data);
  try {
    await etcd.startAll();
  } catch (error) {
    await etcd[Symbol.asyncDispose]();
    throw error;
  }
  return etcd;
}

function secure({ certificates }: EtcdOptions): { readonly certificates?: EtcdCertificates } {
  return certificates === undefined ? {} : { certificates };
}

async function memberAddresses(options: EtcdOptions): Promise<readonly MemberAddress[]> {
  const scheme = options.certificates === undefined ? 'http' : 'https';
  if (options.on !== undefined) {
    return options.on.map((place, index) => {
      const client = { host: place.ip, port: 2379 };
      return {
        name: `etcd${index + 1}`,
        ...client,
        clientUrl: `${scheme}://${place.ip}:2379`,
        peerUrl: `http://${place.ip}:2380`,
        place,
      };
    });
  }
  const ports = await freePorts(2 * (options.members ?? 1));
  return Array.from({ length: options.members ?? 1 }, (_, index) => {
    const port = ports[2 * index] ?? 0;
    return {
      name: `etcd${index + 1}`,
      host: '127.0.0.1',
      port,
      clientUrl: `${scheme}://127.0.0.1:${port}`,
      peerUrl: `http://127.0.0.1:${ports[2 * index + 1]}`,
    };
  });
}

/** Ports of loopback that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** An etcd cluster of real members, each of which can be stopped, killed, frozen and started again. */
export class EtcdCluster implements AsyncDisposable {
  readonly version: EtcdSeries;
  readonly members: readonly EtcdMember[];
  readonly #data: string;

  constructor(version: EtcdSeries, members: readonly EtcdMember[], data: string) {
    this.version = version;
    this.members = members;
    this.#data = data;
  }

  /** As `openEtcdStore` takes them. */
  get endpoints(): readonly { readonly host: string; readonly port: number; readonly tls: boolean }[] {
    return this.members.map(({ host, port, tls }) => ({ host, port, tls }));
  }

  /** `etcd://h1:p1,h2:p2` */
  get url(): string {
    const scheme = this.members.some(({ tls }) => tls) ? 'etcds' : 'etcd';
    return `${scheme}://${this.members.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  /** The first member, for what any of them can do. */
  get any(): EtcdMember {
    const [first] = this.members;
    if (first === undefined) throw new Error('a cluster without members');
    return first;
  }

  /** Starts every member that does not run and waits until all answer. */
  async startAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
    await Promise.all(this.members.map((member) => member.healthy()));
  }

  /** Ends every member with `signal` and waits until they are gone. */
  async stopAll(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop(signal)));
  }

  /** The member that leads, as the members that run say. */
  async leader(): Promise<EtcdMember> {
    for (const member of this.members.filter(({ running }) => running)) {
      const [status] = await member.status().catch(() => []);
      const leader = status !== undefined && status.leader === status.memberId ? member : undefined;
      if (leader !== undefined) return leader;
    }
    throw new Error('no member says that it leads');
  }

  /** Writes a snapshot of the first member that runs. */
  async snapshot(file: string): Promise<void> {
    const member = this.members.find(({ running }) => running) ?? this.any;
    await member.ctl(['snapshot', 'save', file]);
  }

  /** Kills every member, puts the snapshot in the place of their data and starts them. */
  async restore(file: string): Promise<void> {
    await this.stopAll();
    for (const member of this.members) await member.restore(file);
    await this.startAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll();
    await rm(this.#data, { recursive: true, force: true });
  }
}
