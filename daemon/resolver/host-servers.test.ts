import { expect, test } from 'vitest';
import { serversBehindDocker, serversOf } from './host-servers.ts';

const host = () => serversOf('nameserver 192.0.2.1');
const behind = (own: readonly string[] | undefined) =>
  serversBehindDocker(own, host)
    .map(({ address }) => address)
    .join(' ');

test('a container without servers of its own is behind those of the host', () => {
  expect(behind([])).toBe('127.0.0.11 192.0.2.1');
});

test('one with servers of its own asks those only, three of them at most', () => {
  expect(behind(['198.18.0.1', 'fd00::1', '127.0.0.1', '198.18.0.4'])).toBe(
    '127.0.0.11 198.18.0.1 fd00::1 127.0.0.1',
  );
  expect(behind(['127.0.0.11', 'fe80::1%eth0', 'nonsense'])).toBe('127.0.0.11');
});

test('one of which nothing is known yet asks Docker’s resolver alone', () => {
  expect(behind(undefined)).toBe('127.0.0.11');
});
