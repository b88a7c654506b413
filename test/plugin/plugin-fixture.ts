import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { DriverName } from '../../core/model.ts';
import { openPluginServer, type PluginServer, type PluginServerOptions } from '../../daemon/plugin/index.ts';
import { Recorder, recordingIpam, recordingNetwork } from './recording-backend.ts';

/** Plugin sockets in a directory of their own, with backends that record. */
export interface PluginFixture extends AsyncDisposable {
  readonly directory: string;
  readonly server: PluginServer;
  readonly recorder: Recorder;
  /** Lines of the log, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** Path of `weft-bridge`'s socket. */
  readonly bridge: string;
  /** Path of `weft`'s socket. */
  readonly ipam: string;
  socket(plugin: DriverName | 'weft'): string;
}

/** An absolute path in the temporary directory, short enough for a socket. */
export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'weft-plugin-'));
}

export async function openFixture(overrides: Partial<PluginServerOptions> = {}): Promise<PluginFixture> {
  const directory = overrides.directory ?? (await temporaryDirectory());
  const recorder = new Recorder();
  const log: Record<string, unknown>[] = [];
  const server = await openPluginServer({
    directory,
    networkDrivers: ['weft-bridge', 'weft-none'],
    ipamName: 'weft',
    network: recordingNetwork(recorder),
    ipam: recordingIpam(recorder),
    log: pino({ level: 'debug' }, { write: (line: string) => log.push(JSON.parse(line)) }),
    ready: undefined,
    ...overrides,
  });
  const socket = (plugin: DriverName | 'weft') => join(directory, `${plugin}.sock`);
  return {
    directory,
    server,
    recorder,
    log,
    bridge: socket('weft-bridge'),
    ipam: socket('weft'),
    socket,
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** 64 hex digits from one. */
export function hexId(digit: string): string {
  return digit.repeat(64);
}

/** Resolves once `condition` holds. @throws after five seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in five seconds');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A promise and the function that resolves it. */
export function latch(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
