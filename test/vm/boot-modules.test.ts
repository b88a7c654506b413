import { describe, expect, test } from 'vitest';
import { insertionOrder } from './boot-modules.ts';

const DEP = `kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/net/9p/9pnet.ko:
kernel/fs/netfs/netfs.ko:
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio.ko:
kernel/net/bridge/br-netfilter.ko:
`;

describe('the order in which modules are inserted', () => {
  test('has what a module needs before it, the deepest first', () => {
    expect(insertionOrder(DEP, ['9pnet_virtio'])).toEqual([
      'kernel/drivers/virtio/virtio.ko',
      'kernel/drivers/virtio/virtio_ring.ko',
      'kernel/net/9p/9pnet.ko',
      'kernel/net/9p/9pnet_virtio.ko.xz',
    ]);
  });

  test('has each module once', () => {
    const order = insertionOrder(DEP, ['9p', '9pnet_virtio', '9p']);
    expect(order.filter((file) => file.endsWith('/9pnet.ko'))).toHaveLength(1);
    expect(new Set(order).size).toBe(order.length);
    expect(order).toHaveLength(6);
  });

  test('takes - for _ as modprobe does', () => {
    expect(insertionOrder(DEP, ['br_netfilter'])).toEqual(['kernel/net/bridge/br-netfilter.ko']);
    expect(insertionOrder(DEP, ['9pnet-virtio'])).toContain('kernel/net/9p/9pnet_virtio.ko.xz');
  });

  test('is refused for a module that the kernel has not', () => {
    expect(() => insertionOrder(DEP, ['9p', 'nonesuch'])).toThrow('the kernel has no module nonesuch');
    expect(() => insertionOrder('', ['9p'])).toThrow('the kernel has no module 9p');
  });
});
