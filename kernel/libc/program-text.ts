import { readFileSync, readlinkSync } from 'node:fs';
import { checked, libcFunction } from './call.ts';

const madvise = libcFunction<[bigint, bigint, number]>(
  'int madvise(uintptr_t addr, uintptr_t length, int advice)',
);
/** <asm-generic/mman-common.h> */
const MADV_DONTNEED = 4;

/**
 * Unmaps the pages of the running program's own code that have been touched so far; those still used come back from
 * the page cache at the next step through them (madvise(2)). Code pages are never written to, so nothing is lost with them.
 * @returns bytes of address space given up to the kernel's choice.
 * @throws {KernelError} when the kernel refuses.
 */
export function releaseProgramText(): number {
  const program = readlinkSync('/proc/self/exe');
  let released = 0;
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp .* (\/.*)$/.exec(line);
    if (match?.[3] !== program) continue;
    const start = BigInt(`0x${match[1]}`);
    const length = BigInt(`0x${match[2]}`) - start;
    checked(madvise(start, length, MADV_DONTNEED), 'madvise');
    released += Number(length);
  }
  return released;
}
