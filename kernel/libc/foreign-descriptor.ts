import { checked, libcFunction } from './call.ts';
import { closeFd } from './socket.ts';

const syscall = libcFunction<[number, number, number, number]>(
  'long syscall(long number, long a, long b, long c)',
);
/** The same on all architectures (include/uapi/asm-generic/unistd.h). */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

/**
 * Descriptors of this process for what descriptors of another one stand for (pidfd_getfd(2)), closed on exec. They
 * share everything but their number, so a socket lives on with either. All or none.
 * @throws {KernelError} `ESRCH` when there is no such process, `EBADF` when it has no such descriptor, `EPERM` when it
 * may not be looked into, `ENOSYS` before Linux 5.6.
 */
export function copyDescriptors(pid: number, theirs: readonly number[]): readonly number[] {
  const process = checked(syscall(PIDFD_OPEN, pid, 0, 0), `pidfd_open(${pid})`);
  const ours: number[] = [];
  try {
    for (const fd of theirs) {
      ours.push(checked(syscall(PIDFD_GETFD, process, fd, 0), `pidfd_getfd(${pid}, ${fd})`));
    }
    return ours;
  } catch (error) {
    for (const fd of ours) closeFd(fd);
    throw error;
  } finally {
    closeFd(process);
  }
}
