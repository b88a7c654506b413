import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { createMetrics, EventLog, startControlServer } from '../../daemon/control/index.ts';
import { aControlScene, NOW } from './control-scene.ts';
import { MemoryControlBackend } from './memory-control-backend.ts';

export interface ControlFixture extends AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly backend: MemoryControlBackend;
  /** Stops the server and keeps the folder. */
  stop(): Promise<void>;
}

/** A real control server over a MemoryControlBackend, on a socket in a folder of its own. */
export async function openControl(now = NOW): Promise<ControlFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-control-'));
  const path = join(folder, 'control.sock');
  const backend = new MemoryControlBackend(aControlScene(now), new EventLog({ now: () => now }));
  const sample = () => ({ networks: 2, endpoints: 1, publishedPorts: 1, pools: [] });
  const server = await startControlServer({
    path,
    backend,
    metrics: createMetrics({ version: '0.1.0', sample }),
    log: pino({ level: 'silent' }),
    version: '0.1.0',
  });
  return {
    folder,
    path,
    backend,
    stop: () => server.close(),
    async [Symbol.asyncDispose]() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
