import { describe, expect, test } from 'vitest';
import type { Kernel } from '../core/ports.ts';
import { LinuxKernel } from '../kernel/linux-kernel.ts';
import { timedKernel } from './timed-ports.ts';

/** Says what it was called with. */
const echo = new Proxy({} as Kernel, {
  get:
    () =>
    (...args: readonly unknown[]) =>
      args,
});

const methods = Object.getOwnPropertyNames(LinuxKernel.prototype).filter((name) => name !== 'constructor');

describe('a timed kernel', () => {
  test.each(methods)('hands on every argument of %s', async (name) => {
    const kernel = timedKernel(echo, () => undefined) as unknown as Record<
      string,
      (...args: readonly number[]) => unknown
    >;
    const { length } = LinuxKernel.prototype[name as 'announce'];
    const args = Array.from({ length }, (_, index) => index);
    expect(await kernel[name]?.(...args)).toEqual(args);
  });
});
