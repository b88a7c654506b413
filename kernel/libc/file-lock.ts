import { checked, lastErrno, libcFunction } from './call.ts';

const flock = libcFunction<[number, number]>('int flock(int fd, int operation)');

/**
 * Takes the whole-file lock of an open file without waiting (flock(2): LOCK_EX | LOCK_NB); closing the descriptor
 * gives it back. False when somebody else holds it.
 * @throws {KernelError} for any other reason.
 */
export function tryLockFile(fd: number): boolean {
  const exclusiveNow = 2 | 4;
  const result = flock(fd, exclusiveNow);
  // Tried often by who waits for it: an exception would cost ten times the call.
  if (result < 0 && lastErrno() === 'EAGAIN') return false;
  checked(result, 'flock');
  return true;
}
