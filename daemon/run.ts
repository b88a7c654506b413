import { readFileSync } from 'node:fs';
import pino, { type Logger } from 'pino';
import { errorMessage, WeftError } from '../core/errors.ts';
import { cleanupKernel } from './cleanup.ts';
import { type Config, readInvocation } from './config.ts';
import { startDaemon } from './daemon.ts';
import { migrateToEtcd } from './migrate.ts';
import { notifySystemd } from './systemd.ts';

/** What could not be done, by what was asked for. */
const FAILED = { run: 'cannot start', cleanup: 'cannot clean up', migrate: 'cannot migrate' } as const;

/** Version of this weft, from package.json, which is one folder up in a checkout and two in an installation. */
export function readVersion(): string {
  const levels = import.meta.url.endsWith('.ts') ? '..' : '../..';
  const file = readFileSync(new URL(`${levels}/package.json`, import.meta.url), 'utf8');
  return (JSON.parse(file) as { readonly version: string }).version;
}

/**
 * Runs weftd until SIGTERM or SIGINT.
 * @returns the exit code: 0 after a signal or a finished cleanup or migration, 1 when it cannot do what was asked, 2 for wrong usage.
 */
export async function runWeftd(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const version = readVersion();
  let invocation: ReturnType<typeof readInvocation>;
  try {
    invocation = readInvocation(argv, environment, version);
  } catch (error) {
    process.stderr.write(`weftd: ${errorMessage(error)}\nTry weftd --help.\n`);
    return 2;
  }
  if (invocation.action === 'shown') return 0;
  const log = openLog(invocation.config);
  try {
    if (invocation.action === 'cleanup') return await cleanupKernel(invocation.config, log);
    if (invocation.action === 'migrate') return await migrate(invocation.config, invocation.storeUrl, log);
    return await serve(invocation.config, version, log);
  } catch (error) {
    if (!(error instanceof WeftError)) log.fatal({ err: error }, 'weftd cannot start');
    process.stderr.write(`weftd: ${FAILED[invocation.action]}: ${errorMessage(error)}\n`);
    return 1;
  }
}

async function migrate(config: Config, storeUrl: string, log: Logger): Promise<number> {
  for (const line of await migrateToEtcd(config, storeUrl, log)) process.stdout.write(`${line}\n`);
  return 0;
}

/** Synchronous to stderr: what is logged is out before a crash, and the service manager stores it. */
function openLog(config: Config): Logger {
  return pino(
    { level: config.logLevel, base: { node: config.node }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}

async function serve(config: Config, version: string, log: Logger): Promise<number> {
  const stopped = signalled();
  const daemon = await startDaemon(config, version, log);
  log.info({ version, sockets: daemon.sockets }, 'ready');
  await notifySystemd('READY=1');
  const signal = await stopped;
  log.info({ signal }, 'stopping; networks and containers stay as they are');
  await notifySystemd('STOPPING=1');
  await daemon[Symbol.asyncDispose]();
  return 0;
}

function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
