import { closeSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openMemory, openPipe, posixSpawn, reap } from './posix-spawn.ts';

/** How a program ended and what it wrote. */
export interface Ended {
  /** 128 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs, with pipes. */
export interface Piped {
  readonly pid: number;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Resolves with its exit code when it has ended and nobody holds its output any more. */
  readonly closed: Promise<number>;
}

/** How long a program may go on that has closed its output, between two looks. */
const LOOK_MS = 2;

/** Starts a program. @throws {Error} with `code` when it cannot be started. */
export function startPiped(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Piped {
  const pipes = [openPipe(), openPipe(), openPipe()] as const;
  const [[theirIn, ourIn], [ourOut, theirOut], [ourErr, theirErr]] = pipes;
  let pid: number;
  try {
    pid = posixSpawn(argv, env, [theirIn, theirOut, theirErr]);
  } catch (error) {
    for (const fd of [ourIn, ourOut, ourErr]) closeSync(fd);
    throw error;
  } finally {
    for (const fd of [theirIn, theirOut, theirErr]) closeSync(fd);
  }
  const stdin = new Socket({ fd: ourIn, readable: false, writable: true });
  const stdout = new Socket({ fd: ourOut, readable: true, writable: false });
  const stderr = new Socket({ fd: ourErr, readable: true, writable: false });
  return { pid, stdin, stdout, stderr, closed: closing(pid, [stdout, stderr]) };
}

async function closing(pid: number, outputs: readonly Socket[]): Promise<number> {
  await Promise.all(
    outputs.map((each) => new Promise((resolve) => each.on('error', () => undefined).once('close', resolve))),
  );
  for (;;) {
    const code = reap(pid);
    if (code !== undefined) return code;
    await sleep(LOOK_MS);
  }
}

/**
 * Runs a program to its end, without input, while this process stands still.
 * @throws {Error} with `code` when it cannot be started.
 */
export function runLightly(argv: readonly string[]): Ended {
  const stdin = openMemory();
  const stdout = openMemory();
  const stderr = openMemory();
  try {
    const code = reap(posixSpawn(argv, process.env, [stdin, stdout, stderr]), true) ?? 128;
    return { code, stdout: contents(stdout), stderr: contents(stderr) };
  } finally {
    for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  }
}

/**
 * What a program says, while this process stands still.
 * @throws {Error} with what it says when it fails.
 */
export function outputOf(argv: readonly string[]): string {
  const { code, stdout, stderr } = runLightly(argv);
  if (code === 0) return stdout;
  throw Object.assign(new Error(`${argv.join(' ')}: exit code ${code}: ${stderr}`), {
    status: code,
    stdout,
    stderr,
  });
}

/** From its beginning: the program has moved the descriptor's place to the end. */
function contents(fd: number): string {
  return readFileSync(`/proc/self/fd/${fd}`, 'utf8');
}
