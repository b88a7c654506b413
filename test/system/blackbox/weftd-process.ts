import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Answer, call } from '../../plugin/plugin-client.ts';
import { poll } from '../../support/poll.ts';
import { programPath } from '../../support/programs.ts';

const ENTRY = programPath('weftd');

/** Network drivers whose sockets a test may speak to. */
export type Driver = 'weft-bridge' | 'weft-none';

/** A real weftd in this host, and its state directory, which outlives each of its runs. */
export class WeftdProcess implements AsyncDisposable {
  readonly root: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(root: string, args: readonly string[]) {
    this.root = root;
    this.#args = args;
  }

  /** Starts it with an empty state directory and waits until it is ready. */
  static async start(...args: readonly string[]): Promise<WeftdProcess> {
    mkdirSync('/run/weft-test', { recursive: true });
    const weftd = new WeftdProcess(mkdtempSync('/run/weft-test/'), args);
    await weftd.start();
    return weftd;
  }

  /** Starts it again on the same state directory and waits until it is ready. */
  async start(): Promise<void> {
    const directory = (name: string) => join(this.root, name);
    const flags = {
      'plugin-dir': directory('plugins'),
      'state-dir': directory('state'),
      'run-dir': directory('run'),
      docker: 'none',
      metrics: 'off',
      ui: 'off',
      resolver: 'off',
    };
    const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    this.#log = '';
    const child = spawn(process.execPath, [ENTRY, ...argv, ...this.#args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    await poll(() => {
      if (child.exitCode !== null) throw new Error(`weftd ended with ${child.exitCode}: ${this.#log}`);
      return this.#log.includes('"msg":"ready"');
    }, 20_000);
  }

  /** Ends it by a signal and waits until it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('close', done));
    child.kill(signal);
    await ended;
  }

  /** Ends it by `signal` and starts it again. */
  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  get running(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Log lines of this run with at least `level` (pino: 40 warns, 50 is an error). */
  logged(level: number): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.#log.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line)).filter((line) => line.level >= level);
  }

  socket(name: Driver | 'weft'): string {
    return join(this.root, 'plugins', `${name}.sock`);
  }

  /** One call of a network driver, `NetworkDriver.` left out; a 200 is the answer, anything else throws its Err. */
  async net(method: string, body: object, driver: Driver = 'weft-bridge'): Promise<Wire> {
    return success(await this.tryNet(method, body, driver));
  }

  tryNet(method: string, body: object, driver: Driver = 'weft-bridge'): Promise<Answer> {
    return call(this.socket(driver), `NetworkDriver.${method}`, body);
  }

  /** One call of the IPAM driver, `IpamDriver.` left out; a 200 is the answer, anything else throws its Err. */
  async ipam(method: string, body?: object): Promise<Wire> {
    return success(await this.tryIpam(method, body));
  }

  tryIpam(method: string, body?: object): Promise<Answer> {
    return call(this.socket('weft'), `IpamDriver.${method}`, body);
  }

  /** GET of the control API. */
  control<T>(path: string): Promise<T> {
    return new Promise((done, failed) => {
      const get = request({ socketPath: join(this.root, 'run/control.sock'), path }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', failed);
        response.once('end', () => done(JSON.parse(Buffer.concat(chunks).toString())));
      });
      get.once('error', failed);
      get.end();
    });
  }

  /** What the store holds, by key: a copy of the file is read, as weftd keeps the file to itself. */
  records(): Readonly<Record<string, string>> {
    const copy = mkdtempSync(join(this.root, 'copy-'));
    try {
      for (const name of ['weft.db', 'weft.db-wal']) {
        const from = join(this.root, 'state', name);
        if (existsSync(from)) copyFileSync(from, join(copy, name));
      }
      const db = new DatabaseSync(join(copy, 'weft.db'));
      const rows = db.prepare('SELECT key, value FROM entry ORDER BY key').all();
      db.close();
      return Object.fromEntries(
        rows.map(({ key, value }) => [String(key), Buffer.from(value as Uint8Array).toString()]),
      );
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A JSON answer; every field is looked at by the test itself. */
export type Wire = Readonly<Record<string, unknown>>;

/** @throws {Error} with the Err of an answer that is no success. */
function success(answer: Answer): Wire {
  if (answer.status !== 200 || answer.json === undefined) {
    throw new Error(String(answer.json?.['Err'] ?? answer.text));
  }
  return answer.json;
}
