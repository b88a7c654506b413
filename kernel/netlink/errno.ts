import { getSystemErrorMessage } from 'node:util';
import { errnoName as commonName } from '../libc/index.ts';

/** Names that netlink answers use and the C library table of kernel/libc lacks (asm-generic/errno.h). */
const MORE: ReadonlyMap<number, string> = new Map([
  [76, 'ENOTUNIQ'],
  [77, 'EBADFD'],
  [85, 'ERESTART'],
  [524, 'ENOTSUPP'],
]);

/** Symbolic name of a positive errno as the kernel sends it: `EEXIST`; `E1234` for one without a name. */
export function errnoName(errno: number): string {
  return MORE.get(errno) ?? commonName(errno);
}

/** The C library's sentence for a positive errno, such as `file exists`; its name where there is none. */
export function errnoText(errno: number): string {
  const name = errnoName(errno);
  const text = MORE.has(errno) ? undefined : getSystemErrorMessage(-errno);
  return text === undefined || text.startsWith('Unknown system error') ? name : text;
}
