import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineApi } from './engine-api.ts';
import { imageTar } from './image.ts';
import { LabProcess } from './lab-process.ts';
import { type EngineSeries, engineFolder } from './paths.ts';
import { until } from './until.ts';

/** What an engine is started with. */
export interface EngineOptions {
  readonly series: EngineSeries;
  readonly dockerdArgs: readonly string[];
  readonly iptables: 'nft' | 'legacy';
  /** The host's disk: `inside` the namespaces, and as this process reaches it. */
  readonly disk: { readonly inside: string; readonly outside: string };
  /** The host's file system root as this process reaches it. */
  readonly root: string;
  /** Arguments before a program that put it into the host's namespaces. */
  readonly enter: readonly string[];
  /** Name of the cgroup that holds the containers, below each hierarchy's root. */
  readonly cgroup: string;
}

/** No CRI, no snapshotters that probe for devices: containerd is up sooner. */
const CONTAINERD_CONFIG = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.blockfile", "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "/run/containerd/containerd.sock"
`;

/** One host's containerd and dockerd, each a process that can be stopped, killed and started again. */
export class Engine {
  readonly api: EngineApi;
  readonly #options: EngineOptions;
  readonly #containerd: LabProcess;
  #dockerd: LabProcess | undefined;

  private constructor(options: EngineOptions, containerd: LabProcess) {
    this.#options = options;
    this.#containerd = containerd;
    this.api = new EngineApi(join(options.root, 'run/docker.sock'));
  }

  /**
   * Makes the engine's mount namespace, starts containerd and dockerd there and loads the lab image if the disk
   * does not have it.
   * @throws {Error} with the log's end when one of them does not come up.
   */
  static async start(options: EngineOptions): Promise<Engine> {
    const { disk } = options;
    for (const folder of ['docker', 'containerd', 'etc-containerd']) {
      await mkdir(join(disk.outside, folder), { recursive: true });
    }
    await writeFile(join(disk.outside, 'etc-containerd/config.toml'), CONTAINERD_CONFIG);
    const init = join(import.meta.dirname, 'engine-init.sh');
    const unshare = ['unshare', '--mount', '--propagation', 'unchanged', '--'];
    const argv = [...unshare, 'sh', init, engineFolder(options.series), disk.inside];
    const containerd = await LabProcess.start(options.enter, argv);
    const engine = new Engine(options, containerd);
    // dockerd would start a containerd of its own if it found no socket yet.
    await until('containerd serves', async () => {
      if (!containerd.running) throw new Error(containerd.tail());
      return containerd.lines.some((line) => line.includes('containerd successfully booted'));
    });
    await engine.startDockerd();
    await engine.#loadImage();
    return engine;
  }

  /** dockerd's log so far (of the present process). */
  get lines(): readonly string[] {
    return this.#dockerd?.lines ?? [];
  }

  /** The present dockerd. @throws {Error} when none was started or it was stopped. */
  get dockerd(): LabProcess {
    if (!this.#dockerd) throw new Error('dockerd is not running');
    return this.#dockerd;
  }

  /** Arguments before a program of the engine's root that put it there. */
  get enter(): readonly string[] {
    return ['nsenter', '-t', String(this.#containerd.pid), '-n', '-m', '-u', '-p', '--'];
  }

  /** The environment of the engine's programs: nothing of this process, but how often Go collects garbage. */
  get env(): Readonly<Record<string, string>> {
    const path = `/opt/iptables-${this.#options.iptables}:/usr/sbin:/usr/bin`;
    const { GOGC } = process.env;
    return { PATH: path, HOME: '/root', DOCKER_HOST: 'unix:///run/docker.sock', ...(GOGC ? { GOGC } : {}) };
  }

  /** Starts dockerd and waits until it answers. */
  async startDockerd(): Promise<void> {
    const { cgroup, dockerdArgs } = this.#options;
    const argv = [
      '/usr/sbin/dockerd',
      ...['--host', 'unix:///run/docker.sock', '--containerd', '/run/containerd/containerd.sock'],
      ...['--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${cgroup}`],
      ...dockerdArgs,
    ];
    const env = { PATH: process.env['PATH'], ...this.env };
    await this.api[Symbol.asyncDispose]();
    const dockerd = await LabProcess.start(this.enter, argv, env);
    this.#dockerd = dockerd;
    await until(
      'dockerd answers',
      async () => {
        if (!dockerd.running) return 'ended';
        return (await this.api.text({ method: 'GET', path: '/_ping' })) === 'OK';
      },
      { timeoutMs: 60_000 },
    ).catch((error: unknown) => {
      throw new Error(`dockerd does not answer: ${dockerd.tail()}`, { cause: error });
    });
    if (!dockerd.running) throw new Error(`dockerd ended: ${dockerd.tail()}`);
  }

  /** Ends dockerd with `signal`; containerd and, after SIGKILL, the containers stay. */
  async stopDockerd(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.dockerd.stop(signal, 60_000);
    this.#dockerd = undefined;
    await this.api[Symbol.asyncDispose]();
  }

  async #loadImage(): Promise<void> {
    const images = await this.api.json<readonly { RepoTags: readonly string[] | null }[]>({
      method: 'GET',
      path: '/images/json',
    });
    if (images.some((image) => image.RepoTags?.includes('lab:1'))) return;
    const tar = await imageTar();
    await this.api.text({ method: 'POST', path: '/images/create?fromSrc=-&repo=lab&tag=1', tar });
  }
}
