import { closeSync, fstatSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KernelError } from '../../core/errors.ts';
import { receiveDescriptors, sendDescriptors, socketPair } from './index.ts';

test('descriptors come out with their messages, in order, and are others for the same files', () => {
  const [one, other] = socketPair();
  const files = ['/proc/self/status', '/proc/self/stat', '/proc/self/maps'].map((path) =>
    openSync(path, 'r'),
  );
  const inodes = files.map((fd) => fstatSync(fd).ino);
  sendDescriptors(one, Buffer.from('two'), files.slice(0, 2));
  sendDescriptors(one, Buffer.from('one more'), files.slice(2));
  for (const fd of files) closeSync(fd);
  const first = receiveDescriptors(other);
  const second = receiveDescriptors(other);
  expect(first?.bytes.toString()).toBe('two');
  expect(second?.bytes.toString()).toBe('one more');
  const passed = [...(first?.fds ?? []), ...(second?.fds ?? [])];
  expect(passed.map((fd) => fstatSync(fd).ino)).toEqual(inodes);
  for (const fd of [...passed, one, other]) closeSync(fd);
});

test('nothing there, an end that is closed, and one that takes nothing', () => {
  const [one, other] = socketPair();
  expect(receiveDescriptors(other)).toBeUndefined();
  const endless = () => {
    for (;;) sendDescriptors(one, Buffer.alloc(4096), [one, other]);
  };
  expect(endless).toThrow(KernelError);
  expect(endless).toThrow(expect.objectContaining({ errno: 'EAGAIN' }));
  for (let passed = receiveDescriptors(other); passed !== undefined; passed = receiveDescriptors(other)) {
    expect(passed.fds).toHaveLength(2);
    for (const fd of passed.fds) closeSync(fd);
  }
  closeSync(one);
  expect(receiveDescriptors(other)).toBeUndefined();
  expect(() => sendDescriptors(other, Buffer.from('x'), [])).toThrow(
    expect.objectContaining({ errno: 'EPIPE' }),
  );
  closeSync(other);
});
