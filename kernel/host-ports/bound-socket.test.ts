import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { encodeSockaddr } from './bound-socket.ts';

test('struct sockaddr_in', () => {
  expect(Buffer.from(encodeSockaddr({ ip: '192.0.2.1' as Ip, port: 8080 })).toString('hex')).toBe(
    '02001f90c00002010000000000000000',
  );
});

test('struct sockaddr_in6', () => {
  expect(Buffer.from(encodeSockaddr({ ip: 'fd00::7' as Ip, port: 53 })).toString('hex')).toBe(
    '0a00003500000000fd00000000000000000000000000000700000000',
  );
});
