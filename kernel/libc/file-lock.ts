import { KernelError } from '../../core/errors.ts';
import { checked, libcFunction } from './call.ts';

const flock = libcFunction<[number, number]>('int flock(int fd, int operation)');

/**
 * Takes the whole-file lock of an open file without waiting (flock(2): LOCK_EX | LOCK_NB); closing the descriptor
 * gives it back. False when somebody else holds it.
 * @throws {KernelError} for any other reason.
 */
export function tryLockFile(fd: number): boolean {
  const exclusiveNow = 2 | 4;
  try {
    checked(flock(fd, exclusiveNow), 'flock');
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'EAGAIN') return false;
    throw error;
  }
}
