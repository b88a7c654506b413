import { describe, expect, test } from 'vitest';
import { creations } from '../../core/diff.ts';
import { kernelContract } from '../contract/kernel.ts';
import { BRIDGE, ONE_OF_EACH, VETH } from '../contract/kernel-objects.ts';
import { FakeKernel } from './fake-kernel.ts';

describe('FakeKernel keeps the kernel contract', () => {
  test.each(kernelContract.map(({ name, run }) => [name, run] as const))('%s', async (_name, run) => {
    const kernel = new FakeKernel();
    await run({
      kernel,
      makeBridge: async (name) => kernel.setLink(name, { kind: 'bridge' }),
      setDown: async (name) => kernel.setLink(name, { up: false }),
      [Symbol.asyncDispose]: () => kernel[Symbol.asyncDispose](),
    });
  });
});

describe('FakeKernel in the hands of a test', () => {
  test('refuses the step it is told to, once, and nothing of that call takes effect', async () => {
    for (let n = 1; n <= ONE_OF_EACH.length; n++) {
      const kernel = new FakeKernel();
      const before = kernel.render();
      kernel.refuseNth(n);
      await expect(kernel.apply(creations(ONE_OF_EACH))).rejects.toThrow(/refused by the test/);
      expect(kernel.render()).toBe(before);
      await kernel.apply(creations(ONE_OF_EACH));
      expect(kernel.applied).toHaveLength(ONE_OF_EACH.length);
    }
  });

  test('gives a sandbox its interface back while there is one', async () => {
    const kernel = new FakeKernel();
    await kernel.apply(creations([BRIDGE]));
    const plumbing = {
      namespace: '/run/docker/netns/a' as never,
      link: VETH,
      defaultByDevice: [],
      prefix: 'eth',
      mac: VETH.peerMac as never,
      addresses: [],
    };
    expect(await kernel.replumb(plumbing)).toBe(false);
    kernel.sandboxes.add(plumbing.namespace);
    expect(await kernel.replumb(plumbing)).toBe(true);
    expect(kernel.link(VETH.name)?.master).toBe(BRIDGE.name);
    expect(kernel.link(VETH.peerName)).toBeUndefined();
  });

  test('tells watchers what it is fed', async () => {
    const kernel = new FakeKernel();
    const stop = new AbortController();
    const hints = kernel.watch(stop.signal)[Symbol.asyncIterator]();
    const first = hints.next();
    kernel.hint({ source: 'link', dev: 'wb-a' });
    expect((await first).value).toEqual({ source: 'link', dev: 'wb-a' });
    stop.abort();
    expect((await hints.next()).done).toBe(true);
  });
});
