import { readFileSync } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import { InvalidArgument, KernelError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

const ROOT = '/proc/sys/';
const PATH = /^[^/\s\0]+(\/[^/\s\0]+)+$/;

function fileOf(path: string): string {
  const steps = path.split('/');
  if (!PATH.test(path) || steps.includes('..') || steps.includes('.')) {
    throw new InvalidArgument(
      `sysctl ${quote(path)} is not a path below /proc/sys, such as net/ipv4/ip_forward`,
      {
        path,
      },
    );
  }
  return ROOT + path;
}

function refused(what: string, cause: unknown): KernelError {
  const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'EIO';
  return new KernelError(`${what}: ${errno}`, { errno, step: what }, { cause });
}

/**
 * The value of each path, its fields separated by one space; undefined where the kernel has no such sysctl, which
 * is also how a link that has gone looks. Below `net/` this is the process' own network namespace.
 * @throws {InvalidArgument} for a path that is not plainly below /proc/sys.
 * @throws {KernelError} when one exists and cannot be read.
 */
export async function readSysctls(paths: Iterable<string>): Promise<ReadonlyMap<string, string | undefined>> {
  const files = [...paths].map((path) => [path, fileOf(path)] as const);
  return new Map(files.map(([path, file]) => [path, readValue(path, file)]));
}

/** A read copies a word of the kernel's, without a lock or a wait: it costs less than a turn of the thread pool. */
function readValue(path: string, file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim().replace(/\s+/g, ' ');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw refused(`read sysctl ${path}`, error);
  }
}

/**
 * Writes one value. Repeating is safe.
 * @throws {InvalidArgument} for a path that is not plainly below /proc/sys.
 * @throws {KernelError} `ENOENT` when there is no such sysctl, `EINVAL` when the kernel refuses the value, `EROFS`
 * where /proc/sys is read-only.
 */
export async function writeSysctl(path: string, value: string): Promise<void> {
  const file = fileOf(path);
  try {
    // Neither created nor truncated: some sysctls take an empty write for a value, and a missing one must say ENOENT.
    await using handle = await open(file, constants.O_WRONLY);
    await handle.write(`${value}\n`);
  } catch (error) {
    throw refused(`write sysctl ${path} = ${quote(value)}`, error);
  }
}
