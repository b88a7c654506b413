import { closeSync, openSync, stat } from 'node:fs';
import { Internal, KernelError } from '../../core/errors.ts';
import { checked, libcFunction } from './call.ts';

/** CLONE_NEWNET (include/uapi/linux/sched.h): setns refuses a descriptor that is no network namespace. */
const CLONE_NEWNET = 0x40000000;

const setns = libcFunction<[number, number]>('int setns(int fd, int nstype)');

/** Descriptor of the namespace this thread began in; kept open for as long as the process lives. */
let home: number | undefined;
let inside = false;

/**
 * A thread is born in the namespace of the thread that makes it. libuv makes its whole pool at the first piece of
 * work, so if that happened inside `inNamespace`, every later fs and dns call would run in some sandbox. Asking for
 * one harmless piece of work first makes the pool at home; libuv starts its threads before the call returns.
 */
function openHome(): number {
  stat('/', () => {});
  return openSync('/proc/thread-self/ns/net', 'r');
}

function openNamespace(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'EIO';
    throw new KernelError(
      `open network namespace ${path}: ${errno}`,
      { errno, step: 'open namespace' },
      { cause },
    );
  }
}

/**
 * Runs `act` with the calling thread in another network namespace and comes back before it returns. What `act`
 * opens stays there; nothing after an `await` would, so `act` must be synchronous, short, and start no thread.
 * The process ends at once if it cannot come back: it would go on changing somebody else's namespace (setns(2)).
 * @param path a namespace file: `/proc/PID/ns/net`, `/run/netns/NAME`, a sandbox key.
 * @throws {KernelError} when the file cannot be opened or is no network namespace; and whatever `act` throws.
 */
export function inNamespace<T>(path: string, act: () => T): T {
  if (inside) throw new Internal(`enter network namespace ${path}: already inside another one`);
  home ??= openHome();
  const target = openNamespace(path);
  try {
    checked(setns(target, CLONE_NEWNET), `setns(${path})`);
    inside = true;
    return act();
  } finally {
    if (inside && setns(home, CLONE_NEWNET) !== 0) process.abort();
    inside = false;
    closeSync(target);
  }
}
