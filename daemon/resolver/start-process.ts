import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { HandedSocket, ResolverFiles } from '../../discovery/index.ts';
import { CAPABILITY, startingWith } from '../../kernel/libc/index.ts';
import { RESOLVER_PROGRAM } from './build-id.ts';
import type { ResolverLog } from './log.ts';

export interface StartOptions {
  readonly files: ResolverFiles;
  readonly runDir: string;
  readonly stateDir: string;
  readonly build: string;
  readonly debug: boolean;
  /** Sockets that it is born with. */
  readonly sockets: readonly HandedSocket[];
  readonly log: ResolverLog;
}

export interface StartedProcess {
  readonly pid: number;
  /** Resolves when it has ended, as long as weftd lives: with what it ended. */
  readonly ended: Promise<string>;
}

/** Descriptors of a child before those that are handed over. */
const STANDARD = 3;

/**
 * Starts a resolver process that outlives weftd: in a session of its own, with nothing of weftd's but the sockets, and
 * with the one capability that it needs to enter sandboxes.
 * @throws {Error} when it cannot be started.
 */
export function startProcess(options: StartOptions): StartedProcess {
  const { files, log } = options;
  const stderr = openSync(files.stderr, 'w', 0o600);
  try {
    writeFileSync(files.handed, JSON.stringify(inChild(options.sockets)), { mode: 0o600 });
    const start = () => spawnNode(options, stderr);
    let child: ChildProcess;
    try {
      child = startingWith([CAPABILITY.SYS_ADMIN], start);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      log.warn({ error: errorMessage(error) }, 'the resolver process keeps all capabilities of weftd');
      child = start();
    }
    child.unref();
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    return { pid: child.pid ?? 0, ended };
  } finally {
    closeSync(stderr);
  }
}

function spawnNode(
  { files, runDir, stateDir, build, debug, sockets }: StartOptions,
  stderr: number,
): ChildProcess {
  const { NOTIFY_SOCKET: _systemd, ...inherited } = process.env;
  // Reading what is compiled already takes a third of the time; the directory is closed to all but root.
  const env = { NODE_COMPILE_CACHE: files.compiled, ...inherited };
  const settings = ['--run-dir', runDir, '--state-dir', stateDir, '--build', build, '--handed'];
  return spawn(process.execPath, [RESOLVER_PROGRAM, ...settings, ...(debug ? ['--debug'] : [])], {
    cwd: '/',
    env,
    detached: true,
    stdio: ['ignore', 'ignore', stderr, ...sockets.flatMap(({ udp, tcp }) => [udp, tcp])],
  });
}

function inChild(sockets: readonly HandedSocket[]): readonly HandedSocket[] {
  return sockets.map(({ key, namespace }, index) => ({
    key,
    namespace,
    udp: STANDARD + 2 * index,
    tcp: STANDARD + 2 * index + 1,
  }));
}
