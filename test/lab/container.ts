import type { CommandOptions, CommandResult } from './command.ts';
import type { DockerClient } from './docker-client.ts';
import type { LabProcess } from './lab-process.ts';

/** What `GET /containers/ID/json` says about one of a container's networks. */
export interface ContainerEndpoint {
  readonly NetworkID: string;
  readonly EndpointID: string;
  readonly Gateway: string;
  readonly IPAddress: string;
  readonly IPPrefixLen: number;
  readonly IPv6Gateway: string;
  readonly GlobalIPv6Address: string;
  readonly GlobalIPv6PrefixLen: number;
  readonly MacAddress: string;
  readonly Aliases: readonly string[] | null;
}

/** The part of `GET /containers/ID/json` that tests look at. */
export interface ContainerDetails {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    readonly Health?: { readonly Status: string };
  };
  readonly NetworkSettings: {
    readonly SandboxID: string;
    readonly SandboxKey: string;
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, ContainerEndpoint>>;
  };
}

/** One container of a host; every call goes to the Engine anew. */
export class Container {
  readonly id: string;
  readonly name: string;
  readonly #docker: DockerClient;

  constructor(docker: DockerClient, id: string, name: string) {
    this.#docker = docker;
    this.id = id;
    this.name = name;
  }

  /** @throws {EngineRefused} with the Engine's reason. */
  async start(): Promise<void> {
    await this.#post('start');
  }

  /** Stops it with SIGTERM, then SIGKILL after `graceSeconds` (0 if absent: the lab's programs do not care). */
  async stop(graceSeconds = 0): Promise<void> {
    await this.#post(`stop?t=${graceSeconds}`);
  }

  async kill(signal = 'KILL'): Promise<void> {
    await this.#post(`kill?signal=${signal}`);
  }

  async restart(graceSeconds = 0): Promise<void> {
    await this.#post(`restart?t=${graceSeconds}`);
  }

  async pause(): Promise<void> {
    await this.#post('pause');
  }

  async unpause(): Promise<void> {
    await this.#post('unpause');
  }

  /** Removes it, running or not, with its volumes. */
  async remove(): Promise<void> {
    await this.#docker.api.text({ method: 'DELETE', path: `/containers/${this.id}?force=1&v=1` });
  }

  /** Waits until it is not running and gives its exit code. */
  async wait(): Promise<number> {
    const path = `/containers/${this.id}/wait`;
    return (await this.#docker.api.json<{ StatusCode: number }>({ method: 'POST', path })).StatusCode;
  }

  inspect(): Promise<ContainerDetails> {
    return this.#docker.api.json({ method: 'GET', path: `/containers/${this.id}/json` });
  }

  /**
   * Its endpoint on `network` (the name it was connected by), or on its only network.
   * @throws {Error} when it has no such network, or several and none was named.
   */
  async endpoint(network?: string): Promise<ContainerEndpoint> {
    const networks = (await this.inspect()).NetworkSettings.Networks;
    const names = Object.keys(networks);
    const name = network ?? (names.length === 1 ? names[0] : undefined);
    const endpoint = name === undefined ? undefined : networks[name];
    if (!endpoint)
      throw new Error(`${this.name} is on ${names.join(', ') || 'no network'}, not ${network ?? 'one'}`);
    return endpoint;
  }

  /** Everything it wrote, standard output and error in one. */
  async logs(): Promise<string> {
    const path = `/containers/${this.id}/logs?stdout=1&stderr=1`;
    const { stdout, stderr } = demultiplex(await this.#docker.api.bytes({ method: 'GET', path }));
    return stdout + stderr;
  }

  /** Runs a program of the image in it, to the end, as `docker exec`; gives code and output whatever the code. */
  async tryExec(
    cmd: readonly string[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<CommandResult> {
    const { api } = this.#docker;
    const create = { AttachStdout: true, AttachStderr: true, Cmd: cmd };
    const path = `/containers/${this.id}/exec`;
    const { Id } = await api.json<{ Id: string }>({ method: 'POST', path, json: create });
    const output = await api.bytes({
      method: 'POST',
      path: `/exec/${Id}/start`,
      json: { Detach: false, Tty: false },
      timeoutMs: options.timeoutMs ?? 30_000,
    });
    const { ExitCode } = await api.json<{ ExitCode: number }>({ method: 'GET', path: `/exec/${Id}/json` });
    return { code: ExitCode, ...demultiplex(output) };
  }

  /**
   * Runs a program of the image in it, to the end, and gives its standard output.
   * @throws {Error} with its output when its exit code is not 0.
   */
  async exec(cmd: readonly string[], options: { readonly timeoutMs?: number } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.tryExec(cmd, options);
    if (code !== 0) throw new Error(`${this.name}: ${cmd.join(' ')}: exit code ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /**
   * Runs a program of the machine (ip, nft, tcpdump, node, socat) in this container's network namespace.
   * Quicker than {@link exec} and with more tools; the file system is the host's.
   * @throws {CommandFailed} when its exit code is not 0 or it does not end in time.
   */
  async netExec(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return this.#docker.hostExec(await this.#inNetwork(argv), options);
  }

  /** As {@link netExec}; gives code and output whatever the code. */
  async tryNetExec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return this.#docker.tryHostExec(await this.#inNetwork(argv), options);
  }

  /** Starts a program of the machine in this container's network namespace; it may outlive the container. */
  async netSpawn(argv: readonly string[]): Promise<LabProcess> {
    return this.#docker.hostSpawn(await this.#inNetwork(argv));
  }

  /** The arguments before a program that put it, run inside the host, into this container's network namespace. */
  async #inNetwork(argv: readonly string[]): Promise<string[]> {
    const { Pid } = (await this.inspect()).State;
    if (Pid === 0) throw new Error(`${this.name} is not running`);
    return ['nsenter', `--net=/proc/${Pid}/ns/net`, '--', ...argv];
  }

  async #post(action: string): Promise<void> {
    await this.#docker.api.text({ method: 'POST', path: `/containers/${this.id}/${action}` });
  }
}

/** Splits Docker's multiplexed stream: 8 bytes of header (stream 1 or 2, length big-endian at 4) a frame. */
function demultiplex(bytes: Buffer): { stdout: string; stderr: string } {
  const parts: { 1: Buffer[]; 2: Buffer[] } = { 1: [], 2: [] };
  for (let at = 0; at + 8 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    parts[bytes[at] === 2 ? 2 : 1].push(bytes.subarray(at + 8, end));
    at = end;
  }
  return { stdout: Buffer.concat(parts[1]).toString(), stderr: Buffer.concat(parts[2]).toString() };
}
