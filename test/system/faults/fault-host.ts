import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, call, exchange } from '../../plugin/plugin-client.ts';
import { poll } from '../../support/poll.ts';
import { programPath } from '../../support/programs.ts';
import { openScratchNamespace, type ScratchNamespace } from '../../support/scratch-namespace.ts';
import { finished, type Running, start } from './traffic.ts';

const WEFTD = programPath('weftdWithFaults');
const COMPILE_CACHE =
  process.env['NODE_COMPILE_CACHE'] ?? join(import.meta.dirname, '../../../.tools/compile-cache');

/** Names a plugin method: what stands before the dot says which socket. */
export type PluginMethod = `NetworkDriver.${string}` | `IpamDriver.${string}`;

/** A host of one namespace with a weftd in it that can be killed and started again, and no Docker. */
export class FaultHost implements AsyncDisposable {
  readonly namespace: ScratchNamespace;
  readonly #folder: string;
  readonly #args: readonly string[];
  #weftd: Running | undefined;

  private constructor(namespace: ScratchNamespace, folder: string, args: readonly string[]) {
    this.namespace = namespace;
    this.#folder = folder;
    this.#args = args;
  }

  /** Makes the namespace; weftd is not started. */
  static async open(args: readonly string[] = []): Promise<FaultHost> {
    const namespace = await openScratchNamespace();
    namespace.run('ip link set lo up');
    return new FaultHost(namespace, await mkdtemp(join(tmpdir(), 'weft-faults-')), args);
  }

  /** The arguments before a program that put it into the host's namespace. */
  get enter(): readonly string[] {
    return ['nsenter', `--net=${this.namespace.path}`, '--'];
  }

  /** weftd's state directory. */
  get stateDir(): string {
    return join(this.#folder, 'state');
  }

  get controlSocket(): string {
    return this.#path('run/control.sock');
  }

  /** Starts weftd and waits until it is ready. */
  async startWeftd(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const dirs = ['--state-dir', this.stateDir, '--run-dir', this.#path('run')];
    const argv = [process.execPath, WEFTD, ...dirs, '--plugin-dir', this.#path('plugins')];
    const off = ['--docker', 'none', '--metrics', '127.0.0.1:9470', '--resolver', 'off'];
    const faults = { NODE_COMPILE_CACHE: COMPILE_CACHE, WEFT_FAULT_ARM: this.#path('arm'), ...env };
    const variables = Object.entries(faults).map(([name, value]) => `${name}=${value}`);
    // Standard error is the log.
    const shell = ['sh', '-c', 'exec "$@" 2>&1', 'sh'];
    const weftd = start(this.enter, [...shell, 'env', ...variables, ...argv, ...off, ...this.#args]);
    this.#weftd = weftd;
    await poll(() => weftd.output().includes('"msg":"ready"') || weftd.child.exitCode !== null, 30_000);
    if (weftd.child.exitCode !== null) throw new Error(`weftd ended: ${weftd.output()}`);
  }

  /** What the present weftd has logged. */
  get log(): string {
    return this.#weftd?.output() ?? '';
  }

  /** Ends weftd with SIGKILL, if it still runs. */
  async killWeftd(): Promise<void> {
    this.#weftd?.child.kill('SIGKILL');
    await this.weftdEnded();
  }

  /** Ends weftd in good order. */
  async stopWeftd(): Promise<void> {
    this.#weftd?.child.kill('SIGTERM');
    await this.weftdEnded();
  }

  /** Waits until weftd has ended. */
  async weftdEnded(): Promise<void> {
    if (this.#weftd !== undefined) await finished(this.#weftd);
  }

  get weftdRuns(): boolean {
    return this.#weftd?.child.exitCode === null && this.#weftd.child.signalCode === null;
  }

  /** From now on weftd counts fault points, and dies at the one of this number; 0: writes their names down. */
  async arm(at: number): Promise<void> {
    await writeFile(this.#path('arm'), String(at));
  }

  /** Points no longer count. */
  async disarm(): Promise<void> {
    await rm(this.#path('arm'), { force: true });
  }

  /** File that arming with 0 writes. */
  get pointsFile(): string {
    return this.#path('arm.points');
  }

  /** Calls a method with its argument; without one the body is empty, as an engine repeats a broken call. */
  call(method: PluginMethod, argument?: object, driver = 'weft-bridge'): Promise<Answer> {
    const name = method.startsWith('IpamDriver') ? 'weft' : driver;
    return call(join(this.#folder, `plugins/${name}.sock`), method, argument);
  }

  /** Calls a method and gives its answer. @throws {Error} when weftd refuses. */
  async done(
    method: PluginMethod,
    argument: object,
    driver?: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    const { status, text, json } = await this.call(method, argument, driver);
    if (status !== 200 || json === undefined) throw new Error(`${method}: ${status} ${text}`);
    return json;
  }

  /** What the control API answers. */
  async control<Value = unknown>(path: string): Promise<Value> {
    const answer = await exchange(this.controlSocket, {
      method: 'GET',
      path,
      headers: { Host: 'weft' },
    });
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as Value;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killWeftd();
    this.namespace[Symbol.dispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
