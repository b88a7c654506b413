import { statfsSync } from 'node:fs';

/** include/uapi/linux/magic.h */
const NSFS_MAGIC = 0x6e736673;

/**
 * Whether a namespace is mounted at a path. Docker makes a plain file first, and leaves one for up to a minute after it
 * has unmounted the namespace. At once: the answer is in the kernel's memory, and a wait for the thread pool would cost
 * a hundred times as much.
 */
export function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    // Whatever stands in the way of looking: it cannot be entered either.
    return false;
  }
}
