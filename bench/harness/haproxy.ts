import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, LabProcess } from '../../test/lab/index.ts';
import { fetchedProgram } from './fetched-program.ts';

/** Debian's HAProxy in a container's network namespace, which passes ports on to a backend as TCP. */
export class HaProxy implements Disposable {
  readonly #config: string;
  readonly #process: LabProcess;

  private constructor(config: string, process: LabProcess) {
    this.#config = config;
    this.#process = process;
  }

  /** @throws {Error} when the package is not to be had. */
  static async start(place: Container, backend: string, ports: readonly number[]): Promise<HaProxy> {
    const config = join(tmpdir(), `weft-proxy-${place.id.slice(0, 12)}.cfg`);
    writeFileSync(config, configOf(backend, ports));
    const program = fetchedProgram('usr/sbin/haproxy', [
      'haproxy',
      'liblua5.3-0',
      'libopentracing-c-wrapper0',
      'libopentracing1',
    ]);
    return new HaProxy(config, await place.netSpawn([...program, '-db', '-f', config]));
  }

  [Symbol.dispose](): void {
    this.#process.signal('SIGTERM');
    rmSync(this.#config, { force: true });
  }
}

/** Nothing but passing on, with as many threads as the machine has processors. */
function configOf(backend: string, ports: readonly number[]): string {
  return [
    'global',
    '  maxconn 4096',
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
    ...ports.flatMap((port) => [
      `listen port-${port}`,
      `  bind 0.0.0.0:${port}`,
      `  server backend ${backend}:${port}`,
    ]),
    '',
  ].join('\n');
}
