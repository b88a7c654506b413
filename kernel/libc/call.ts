import { constants } from 'node:os';
import koffi from 'koffi';
import { KernelError } from '../../core/errors.ts';

/**
 * The process' own C library; null asks the loader for what is linked already, which is glibc or musl alike.
 * A wrong prototype corrupts memory, so all of them stand in this folder, copied from the manual pages named.
 */
const libc = koffi.load(null);

/** Binds one C function by its prototype. Results below zero mean that errno is set. */
export function libcFunction<Args extends readonly unknown[]>(prototype: string): (...args: Args) => number {
  return libc.func(prototype) as (...args: Args) => number;
}

/** Numbers that <errno.h> has and node:os has not. */
const MORE: readonly (readonly [number, string])[] = [
  [94, 'ESOCKTNOSUPPORT'],
  [95, 'EOPNOTSUPP'],
  [96, 'EPFNOSUPPORT'],
  [108, 'ESHUTDOWN'],
  [112, 'EHOSTDOWN'],
];

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno)
    // EWOULDBLOCK is Linux's second name for EAGAIN; a number must have one.
    .filter(([name]) => name !== 'EWOULDBLOCK')
    .map(([name, number]): [number, string] => [number, name]),
  ...MORE,
]);

/** The symbolic name of a positive errno: `EADDRINUSE`; `E1234` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** Name of what went wrong in the last call of this thread that failed. */
export function lastErrno(): string {
  return errnoName(koffi.errno());
}

/**
 * The result of a call that has just returned.
 * @throws {KernelError} with the errno of the call when the result is negative.
 */
export function checked(result: number, step: string): number {
  if (result >= 0) return result;
  const errno = lastErrno();
  throw new KernelError(`${step}: ${errno}`, { errno, step });
}
