import { closeSync, openSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { KernelError } from '../../core/errors.ts';
import {
  bindSocket,
  closeFd,
  errnoName,
  getSocketOption,
  inNamespace,
  openSocket,
  sendTo,
  setSocketOption,
  tryLockFile,
} from './index.ts';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});
function socket(type: number): number {
  const fd = openSocket(AF_INET, type, 0);
  open.push(fd);
  return fd;
}

test.each([
  [11, 'EAGAIN'],
  [98, 'EADDRINUSE'],
  [95, 'EOPNOTSUPP'],
  [94, 'ESOCKTNOSUPPORT'],
  [4095, 'E4095'],
])('errno %i is %s', (errno, name) => {
  expect(errnoName(errno)).toBe(name);
});

test('every errno that node:os knows has a name with the same number', () => {
  const numbers = new Map(Object.entries(constants.errno));
  for (const number of numbers.values()) {
    const name = errnoName(number);
    if (numbers.has(name)) expect(numbers.get(name)).toBe(number);
    else expect(name).toMatch(/^E[A-Z]+$/);
  }
});

test('options go in and out, within a part of a larger array', () => {
  const fd = socket(SOCK_STREAM);
  setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0));
  const memory = new Uint8Array(12).fill(0xee);
  expect(getSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, memory.subarray(4, 8))).toBe(4);
  expect(getSocketOption(fd, SOL_SOCKET, SO_TYPE, memory.subarray(8))).toBe(4);
  expect([...memory]).toEqual([0xee, 0xee, 0xee, 0xee, 1, 0, 0, 0, SOCK_STREAM, 0, 0, 0]);
});

test('a refusal carries the name of its errno and the call', () => {
  const fd = socket(SOCK_DGRAM);
  const refused = () => setSocketOption(fd, SOL_SOCKET, 9999, new Uint8Array(4));
  expect(refused).toThrow(KernelError);
  expect(refused).toThrow(
    expect.objectContaining({ errno: 'ENOPROTOOPT', message: 'setsockopt(1, 9999): ENOPROTOOPT' }),
  );
  expect(() => openSocket(AF_INET, SOCK_STREAM, 250)).toThrow(
    expect.objectContaining({ errno: 'EPROTONOSUPPORT' }),
  );
  expect(() => closeFd(1 << 20)).toThrow(expect.objectContaining({ errno: 'EBADF' }));
});

test('a datagram goes to the address given', () => {
  const loopback = Uint8Array.of(AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const fd = socket(SOCK_DGRAM);
  bindSocket(fd, loopback);
  const discard = loopback.slice();
  discard[3] = 9;
  expect(sendTo(fd, Uint8Array.of(1, 2, 3), discard)).toBe(3);
  expect(() => bindSocket(fd, loopback)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
});

test('a file is locked once until it is closed', () => {
  const path = join(tmpdir(), `weft-lock-${process.pid}`);
  const [first, second] = [openSync(path, 'w'), openSync(path, 'w')];
  expect(tryLockFile(first)).toBe(true);
  expect(tryLockFile(second)).toBe(false);
  closeSync(first);
  expect(tryLockFile(second)).toBe(true);
  closeSync(second);
  rmSync(path);
});

test('a namespace file that is missing is ENOENT, before anything is switched', () => {
  const enter = () => inNamespace('/run/netns/no-such-namespace', () => 1);
  expect(enter).toThrow(expect.objectContaining({ errno: 'ENOENT' }));
});
