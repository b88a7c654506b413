import { release } from 'node:os';

/** Whether the running kernel is of this version or a newer one. */
export function kernelIsAtLeast(major: number, minor: number): boolean {
  const [its = 0, itsMinor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  return its > major || (its === major && itsMinor >= minor);
}
