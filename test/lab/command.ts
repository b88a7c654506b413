import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { startPiped } from '../support/light-spawn.ts';
import { PATIENCE } from '../support/patience.ts';

/** How a program is run. */
export interface CommandOptions {
  /** Milliseconds after which the program is killed and the call rejects; 30,000 if absent. */
  readonly timeoutMs?: number;
  /** Written to its standard input, which is then closed. */
  readonly input?: string | Uint8Array;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a program left behind. */
export interface CommandResult {
  /** Exit code; 128 + n after signal n is not told apart by nsenter, so it is what the shell would say. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program ended with another code than 0, or not in time. */
export class CommandFailed extends Error {
  readonly argv: readonly string[];
  readonly result: CommandResult;

  constructor(argv: readonly string[], result: CommandResult, why: string) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000);
    super(`${argv.join(' ')}: ${why}${said ? `: ${said}` : ''}`);
    this.name = 'CommandFailed';
    this.argv = argv;
    this.result = result;
  }
}

/** Kills `pid` with SIGKILL; a process that is gone already is fine. */
export function killHard(pid: number | undefined): void {
  signalProcess(pid, 'SIGKILL');
}

/** Sends `signal`; false when the process is gone. */
export function signalProcess(pid: number | undefined, signal: NodeJS.Signals): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** The processes whose parent is `parent`, as this process numbers them. Reads /proc: not every kernel lists children. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined; // it ended while we looked
  }
}

/** Resolves with the exit code (128 when a signal ended it) once `child` has ended. */
export function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  if (child.signalCode !== null) return Promise.resolve(128);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => resolve(code ?? 128));
    child.once('error', reject);
  });
}

/**
 * Runs a program to its end and gives its exit code and output, whatever the code.
 * @throws {CommandFailed} when it does not end in time; it and its children are killed then.
 */
export async function tryCommand(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = startPiped(argv, { ...process.env, ...options.env });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  child.stdin.on('error', () => undefined); // a program may end without reading its input
  child.stdin.end(options.input ?? '');
  const timeoutMs = (options.timeoutMs ?? 30_000) * PATIENCE;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    const { pid } = child;
    for (const inner of childrenOf(pid)) killHard(inner);
    killHard(pid);
    child.stdout.destroy();
    child.stderr.destroy();
  }, timeoutMs);
  try {
    const code = await child.closed;
    if (late) throw new CommandFailed(argv, { code, ...output }, `not done after ${timeoutMs} ms`);
    return { code, ...output };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a program to its end and gives its standard output.
 * @throws {CommandFailed} when its exit code is not 0 or it does not end in time.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await tryCommand(argv, options);
  if (result.code !== 0) throw new CommandFailed(argv, result, `exit code ${result.code}`);
  return result.stdout;
}
