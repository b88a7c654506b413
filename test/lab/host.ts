import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programPath } from '../support/programs.ts';
import { removeCgroups } from './cgroup.ts';
import { type CommandOptions, type CommandResult, runCommand, tryCommand } from './command.ts';
import { DockerClient } from './docker-client.ts';
import { Engine } from './engine.ts';
import { LabProcess } from './lab-process.ts';
import { NamespaceHolder } from './namespace-holder.ts';
import { type EngineSeries, engineFolder, NODE } from './paths.ts';
import { differences, takeSnapshot } from './snapshot.ts';
import type { Underlay, UnderlayAddress } from './underlay.ts';
import { Weftd } from './weftd.ts';

/** What a test host may differ in. */
export interface HostOptions {
  readonly underlay: Underlay;
  readonly engine: EngineSeries;
  /** Also the host name, so weftd's node name; `h1`, `h2`, … if absent. */
  readonly name?: string;
  /** More arguments for dockerd, for example `--iptables=false`. */
  readonly dockerdArgs?: readonly string[];
  /** Which iptables dockerd finds; `nft` if absent. */
  readonly iptables?: 'nft' | 'legacy';
  /** Containers outlive dockerd (`--live-restore`); no if absent. */
  readonly hasLiveRestore?: boolean;
}

/** What lives from one boot to the next shutdown. */
interface Boot {
  readonly holder: NamespaceHolder;
  readonly port: string;
  readonly engine: Engine;
  readonly docker: DockerClient;
  readonly baseline: readonly string[];
}

/**
 * A test host: its own network, mount, UTS and process namespaces with a real containerd and dockerd.
 * Programs run in it see this machine's file system (so `ip`, `nft`, `iptables-nft`, `node`), except that /run is
 * the host's own: /run/docker.sock, /run/docker/plugins, /run/docker/netns, /run/weft. Its disk is `disk`, a tmpfs
 * that outlives a reboot. The engine's own programs are reached by {@link dockerCli}.
 */
export class Host implements AsyncDisposable {
  readonly name: string;
  readonly ip: string;
  readonly ip6: string;
  readonly engine: EngineSeries;
  readonly #options: HostOptions;
  readonly #cgroup: string;
  #boot: Boot | undefined;
  #starting: Promise<void> = Promise.resolve();

  private constructor(options: HostOptions, name: string, address: UnderlayAddress) {
    this.#options = options;
    this.name = name;
    this.engine = options.engine;
    this.ip = address.ip;
    this.ip6 = address.ip6;
    this.#cgroup = `${options.underlay.name}-${name}`;
  }

  /**
   * Boots a host on `underlay` with an engine that answers and has the lab image.
   * @throws {Error} when the engine was not fetched (`scripts/setup --engines`) or does not come up.
   */
  static async create(options: HostOptions): Promise<Host> {
    if (!existsSync(engineFolder(options.engine))) {
      throw new Error(`engine ${options.engine} is not in the cache: run scripts/setup --engines`);
    }
    const { underlay } = options;
    const host = new Host(options, options.name ?? underlay.takeName('h'), underlay.takeAddress());
    underlay.keep(host);
    await host.#boots();
    return host;
  }

  /** The Engine's API. A new client after every {@link reboot}. */
  get docker(): DockerClient {
    return this.#running.docker;
  }

  /** weftd's state directory as programs in the host see it. */
  get stateDir(): string {
    return `${this.#disk.inside}/weft`;
  }

  /** dockerd's log so far (of the present dockerd). */
  get dockerdLog(): readonly string[] {
    return this.#running.engine.lines;
  }

  /** The process whose /proc/PID/ns entries are the host's namespaces, as the test numbers it. */
  get pid(): number {
    return this.#running.holder.pid;
  }

  /** Name of the host's port on the underlay's bridge; another one after every {@link reboot}. */
  get port(): string {
    return this.#running.port;
  }

  /** A path inside the host as the test itself can open it. */
  path(inside: string): string {
    return join(`/proc/${this.pid}/root`, inside);
  }

  /**
   * Runs a program in the host and gives its standard output.
   * @throws {CommandFailed} when its exit code is not 0 or it does not end in time.
   */
  exec(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return runCommand([...this.#running.holder.enter, ...argv], options);
  }

  /** Runs a program in the host; gives code and output whatever the code. */
  tryExec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return tryCommand([...this.#running.holder.enter, ...argv], options);
  }

  /** Starts a program in the host that goes on running; it ends with the host at the latest. */
  spawn(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<LabProcess> {
    return LabProcess.start(this.#running.holder.enter, argv, { ...process.env, ...env });
  }

  /** Runs the engine's own `docker` program; gives code and output whatever the code. */
  dockerCli(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const { enter, env } = this.#running.engine;
    return tryCommand([...enter, '/usr/bin/docker', ...args], {
      ...options,
      env: { ...env, ...options.env },
    });
  }

  /** Starts this checkout's weftd in the host, with `--state-dir` {@link stateDir}; it is not waited for. */
  startWeftd(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Weftd> {
    return Weftd.start({ args, env, stateDir: this.stateDir, enter: this.#running.holder.enter });
  }

  /** Runs this checkout's `weft` in the host; gives code and output whatever the code. */
  weft(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return this.tryExec([NODE, programPath('weft'), ...args], options);
  }

  /** Stops dockerd in good order and starts it again. */
  async restartDockerd(): Promise<void> {
    await this.stopDockerd();
    await this.startDockerd();
  }

  /** Stops dockerd in good order. */
  stopDockerd(): Promise<void> {
    return this.#running.engine.stopDockerd('SIGTERM');
  }

  /** Ends dockerd with SIGKILL; containerd and the containers go on. */
  killDockerd9(): Promise<void> {
    return this.#running.engine.stopDockerd('SIGKILL');
  }

  /** Starts dockerd again after {@link stopDockerd} or {@link killDockerd9} and waits until it answers. */
  startDockerd(): Promise<void> {
    return this.#running.engine.startDockerd();
  }

  /** Pulls the host's cable on the underlay, or plugs it in again. */
  setCable(state: 'plugged' | 'pulled'): Promise<void> {
    return this.#options.underlay.setPort(this.#running.port, state === 'plugged' ? 'up' : 'down');
  }

  /** Power off and on: every process, link and rule is gone, the disk and the addresses stay. */
  async reboot(): Promise<void> {
    await this.#stop();
    await this.#boots();
  }

  /** As {@link reboot}, with weftd up before dockerd starts, as its service file orders it. */
  async rebootWithWeftd(args: readonly string[] = []): Promise<Weftd> {
    await this.#stop();
    let weftd: Weftd | undefined;
    await this.#boots(async ({ enter }) => {
      weftd = await Weftd.start({ args, env: {}, stateDir: this.stateDir, enter });
      await weftd.waitReady();
    });
    if (weftd === undefined) throw new Error(`${this.name} booted without weftd`);
    return weftd;
  }

  /**
   * What the host has now and had not when its dockerd first answered, one text a thing, sorted: links, routes,
   * nft tables, chains, rules and elements, mounts (sandboxes are mounts), processes.
   */
  async leaks(): Promise<readonly string[]> {
    const { baseline, holder } = this.#running;
    return differences(baseline, await takeSnapshot(holder.enter));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.underlay.release(this);
    // Another host's failure may end the lab while this one still boots.
    await Promise.allSettled([this.#starting]);
    await this.#stop();
  }

  get #running(): Boot {
    if (!this.#boot) throw new Error(`${this.name} is not running`);
    return this.#boot;
  }

  get #disk(): { readonly inside: string; readonly outside: string } {
    const inside = `/mnt/${this.name}`;
    return { inside, outside: `/proc/${this.#options.underlay.holder.pid}/root${inside}` };
  }

  #boots(beforeEngine?: (holder: NamespaceHolder) => Promise<void>): Promise<void> {
    this.#starting = this.#start(beforeEngine);
    return this.#starting;
  }

  async #start(beforeEngine?: (holder: NamespaceHolder) => Promise<void>): Promise<void> {
    const { underlay } = this.#options;
    const disk = this.#disk;
    await mkdir(join(disk.outside, 'weft'), { recursive: true });
    await writeFile(join(disk.outside, 'resolv.conf'), `nameserver ${underlay.prefix4}.1\n`);
    // Without its own name here every dockerd and every re-executed part of it asks DNS first, for 5 s.
    const names = `127.0.0.1 localhost\n::1 localhost\n${this.ip} ${this.name}\n${this.ip6} ${this.name}\n`;
    await writeFile(join(disk.outside, 'hosts'), names);
    const init = join(import.meta.dirname, 'host-init.sh');
    const holder = await NamespaceHolder.start(['sh', init, this.name, disk.inside], underlay.holder.pid);
    try {
      const port = await underlay.attach(holder.pid, this);
      await beforeEngine?.(holder);
      const engine = await this.#startEngine(holder);
      const docker = new DockerClient(engine.api, {
        exec: (argv, options) => this.exec(argv, options),
        tryExec: (argv, options) => this.tryExec(argv, options),
        spawn: (argv) => this.spawn(argv),
      });
      this.#boot = { holder, port, engine, docker, baseline: await takeSnapshot(holder.enter) };
    } catch (error) {
      await holder[Symbol.asyncDispose]();
      await removeCgroups(this.#cgroup);
      throw error;
    }
  }

  #startEngine(holder: NamespaceHolder): Promise<Engine> {
    const { dockerdArgs = [], hasLiveRestore = false, iptables = 'nft' } = this.#options;
    return Engine.start({
      series: this.engine,
      dockerdArgs: [...(hasLiveRestore ? ['--live-restore'] : []), ...dockerdArgs],
      iptables,
      disk: this.#disk,
      root: `/proc/${holder.pid}/root`,
      enter: holder.enter,
      cgroup: this.#cgroup,
    });
  }

  async #stop(): Promise<void> {
    const boot = this.#boot;
    this.#boot = undefined;
    if (!boot) return;
    await boot.engine.api[Symbol.asyncDispose]();
    await boot.holder[Symbol.asyncDispose]();
    await removeCgroups(this.#cgroup);
  }
}
