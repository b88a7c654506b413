import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { InvalidArgument, KernelError } from '../../core/errors.ts';
import { readSysctls, writeSysctl } from './index.ts';

test('reads values, fields separated by one space, and undefined for what the kernel lacks', async () => {
  const values = await readSysctls([
    'net/ipv4/ip_local_port_range',
    'net/ipv4/conf/no-such-link/forwarding',
    'kernel/ostype',
  ]);
  const [first, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
  expect(values).toEqual(
    new Map([
      ['net/ipv4/ip_local_port_range', `${first} ${last}`],
      ['net/ipv4/conf/no-such-link/forwarding', undefined],
      ['kernel/ostype', 'Linux'],
    ]),
  );
});

test.each([
  '../meminfo',
  'net/../../meminfo',
  '/net/ipv4/ip_forward',
  'net/./ipv4',
  'net//ipv4',
  'net/ipv4/',
  'kernel',
  '',
  'net/ipv4/ip forward',
])('refuses the path %j', async (path) => {
  await expect(readSysctls([path])).rejects.toThrow(InvalidArgument);
  await expect(writeSysctl(path, '1')).rejects.toThrow(InvalidArgument);
});

test('a path component may hold dots, as names of links do', async () => {
  const path = 'net/ipv4/conf/eth0.100/forwarding';
  expect(await readSysctls([path])).toEqual(new Map([[path, undefined]]));
});

test('writing what the kernel lacks is ENOENT and makes no file', async () => {
  const write = writeSysctl('net/ipv4/no_such_sysctl', '1');
  await expect(write).rejects.toThrow(KernelError);
  await expect(write).rejects.toMatchObject({
    errno: 'ENOENT',
    message: expect.stringContaining('no_such_sysctl'),
  });
});

test('reading a directory is an error, not an absence', async () => {
  await expect(readSysctls(['net/ipv4'])).rejects.toMatchObject({ errno: 'EISDIR' });
});
