import { KernelError } from '../../core/errors.ts';
import { errnoName, errnoText } from './errno.ts';
import type { Acknowledgement } from './message.ts';

/**
 * The error for a refused request: `create bridge wb-…: file exists (EEXIST)`, with the kernel's own sentence in
 * place of the C library's when it gave one.
 */
export function kernelError(ack: Acknowledgement, step: string, index?: number): KernelError {
  const errno = errnoName(ack.errno);
  const error = new KernelError(`${step}: ${ack.text ?? errnoText(ack.errno)} (${errno})`, {
    errno,
    step,
    ...(ack.text === undefined ? {} : { extack: ack.text }),
    ...(index === undefined ? {} : { index }),
  });
  return error;
}

/** The error for a send that failed before the kernel read any message. */
export function sendError(cause: NodeJS.ErrnoException, step: string): KernelError {
  const errno = cause.code ?? 'EIO';
  return new KernelError(`${step}: netlink send failed (${errno})`, { errno, step }, { cause });
}
