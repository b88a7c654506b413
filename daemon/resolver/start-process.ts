import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { errorMessage, KernelError } from '../../core/errors.ts';
import type { HandedSocket, ResolverFiles } from '../../discovery/index.ts';
import { CAPABILITY, closeFd, socketPair, startingWith } from '../../kernel/libc/index.ts';
import { RESOLVER_PROGRAM } from './build-id.ts';
import type { ResolverLog } from './log.ts';

export interface StartOptions {
  readonly files: ResolverFiles;
  readonly runDir: string;
  readonly stateDir: string;
  readonly build: string;
  readonly debug: boolean;
  /** The lock of who stands by: it waits until no other process serves. Closed here. Undefined: it serves at once. */
  readonly standby: number | undefined;
  /** Sockets that it is born with. */
  readonly sockets: readonly HandedSocket[];
  readonly log: ResolverLog;
}

export interface StartedProcess {
  readonly pid: number;
  /** Our end of a connection through which descriptors can be sent to it; the caller's to close. */
  readonly channel: number;
  /** Resolves when it has ended, as long as weftd lives: with what it ended. */
  readonly ended: Promise<string>;
}

const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants;
/** Emptied, and written by two processes, each behind what the other has said. */
const SHARED_ANEW = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
/** Descriptors of a child: its end of the channel, its lock, then those that are handed over. */
const CHANNEL = 3;
const LOCK = 4;
const HANDED = 5;
/**
 * setpriority(2): an answer takes it 20 µs, and everything in containers waits for answers, however busy the machine.
 */
const NICE = -10;

/**
 * Starts a resolver process that outlives weftd: in a session of its own, with nothing of weftd's but the sockets, and
 * with the one capability that it needs to enter sandboxes.
 * @throws {Error} when it cannot be started.
 */
export function startProcess(options: StartOptions): StartedProcess {
  const { files, log } = options;
  using ends = new DisposableStack();
  const { standby } = options;
  if (standby !== undefined) ends.defer(() => closeSync(standby));
  const stderr = ends.adopt(openSync(files.stderr, SHARED_ANEW, 0o600), closeSync);
  const [ours, theirs] = socketPair();
  ends.defer(() => closeFd(theirs));
  try {
    writeFileSync(files.handed, JSON.stringify(inChild(options.sockets)), { mode: 0o600 });
    const start = () => spawnNode(options, stderr, theirs);
    let child: ChildProcess;
    try {
      child = startingWith([CAPABILITY.SYS_ADMIN], start);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      log.warn({ error: errorMessage(error) }, 'the resolver process keeps all capabilities of weftd');
      child = start();
    }
    child.unref();
    hurry(child.pid, log);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    return { pid: child.pid ?? 0, channel: ours, ended };
  } catch (error) {
    closeFd(ours);
    throw error;
  }
}

function hurry(pid: number | undefined, log: ResolverLog): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, NICE);
  } catch (error) {
    log.debug({ pid, error: errorMessage(error) }, 'the resolver process has no priority over others');
  }
}

function spawnNode(
  { files, runDir, stateDir, build, debug, standby, sockets }: StartOptions,
  stderr: number,
  channel: number,
): ChildProcess {
  const { NOTIFY_SOCKET: _systemd, ...inherited } = process.env;
  // Reading what is compiled already takes a third of the time; the directory is closed to all but root.
  const env = { NODE_COMPILE_CACHE: files.compiled, ...inherited };
  const settings = ['--run-dir', runDir, '--state-dir', stateDir, '--build', build, '--handed'];
  settings.push(
    '--channel',
    String(CHANNEL),
    ...(standby === undefined ? [] : ['--standby-lock', String(LOCK)]),
    ...(debug ? ['--debug'] : []),
  );
  return spawn(process.execPath, [RESOLVER_PROGRAM, ...settings], {
    cwd: '/',
    env,
    detached: true,
    stdio: [
      'ignore',
      'ignore',
      stderr,
      channel,
      standby ?? 'ignore',
      ...sockets.flatMap(({ udp, tcp }) => [udp, tcp]),
    ],
  });
}

function inChild(sockets: readonly HandedSocket[]): readonly HandedSocket[] {
  return sockets.map(({ key, namespace }, index) => ({
    key,
    namespace,
    udp: HANDED + 2 * index,
    tcp: HANDED + 2 * index + 1,
  }));
}
