import type { CommandResult } from './command.ts';
import type { DockerClient } from './docker-client.ts';
import type { Host } from './host.ts';
import type { Weftd } from './weftd.ts';

/** A host of a cluster with its weftd, which may be stopped, killed and started again with the same arguments. */
export class ClusterNode {
  readonly host: Host;
  /** Underlay address in the cluster's family: what `--address` says. */
  readonly address: string;
  readonly #args: readonly string[];
  #weftd: Weftd | undefined;

  constructor(host: Host, address: string, args: readonly string[]) {
    this.host = host;
    this.address = address;
    this.#args = args;
  }

  get name(): string {
    return this.host.name;
  }

  get docker(): DockerClient {
    return this.host.docker;
  }

  /** The weftd started last. @throws {Error} when none was. */
  get weftd(): Weftd {
    if (this.#weftd === undefined) throw new Error(`${this.name} has no weftd`);
    return this.#weftd;
  }

  /** Starts weftd with the node's arguments and `more` after them, and waits until it is ready. */
  async startWeftd(more: readonly string[] = []): Promise<Weftd> {
    const weftd = await this.host.startWeftd([...this.#args, ...more]);
    this.#weftd = weftd;
    await weftd.waitReady(30_000);
    return weftd;
  }

  /** Power off and on, with weftd up before dockerd. */
  async reboot(): Promise<void> {
    this.#weftd = await this.host.rebootWithWeftd(this.#args);
  }

  /** Runs `weft` here; gives code and output whatever the code. */
  weft(args: readonly string[]): Promise<CommandResult> {
    return this.host.weft(args);
  }

  /**
   * What `weft … --json` says. The caller names the shape it needs.
   * @throws {Error} with its words when its exit code is not 0.
   */
  async weftJson<T>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.weft([...args, '--json']);
    if (code !== 0)
      throw new Error(`${this.name}: weft ${args.join(' ')}: exit code ${code}: ${stderr.trim()}`);
    return JSON.parse(stdout) as T;
  }
}
