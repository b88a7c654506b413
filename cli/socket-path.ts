import { join } from 'node:path';

const DEFAULT_RUN_DIR = '/run/weft';

/** The global options that say where weftd is. */
export interface ConnectionOptions {
  readonly socket?: string;
  readonly runDir?: string;
}

/**
 * Where weftd's control socket is: `--socket`, else `--run-dir`, else `WEFT_SOCKET`, else `WEFT_RUN_DIR`, else
 * /run/weft. Empty environment variables count as absent.
 */
export function socketPath(options: ConnectionOptions, env: NodeJS.ProcessEnv): string {
  if (options.socket !== undefined) return options.socket;
  if (options.runDir !== undefined) return join(options.runDir, 'control.sock');
  return env['WEFT_SOCKET'] || join(env['WEFT_RUN_DIR'] || DEFAULT_RUN_DIR, 'control.sock');
}
