import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { encodeRequest, standsInTheWay } from './idle-sockets.ts';

const tcp = (ip: string, port: number) => ({ protocol: 'tcp' as const, ip: ip as Ip, port });

/** struct inet_diag_msg of a TCP socket bound to 127.0.0.1:8080, state 13, inode 0x01020304. */
const REPLY = new Uint8Array(
  Buffer.from(
    '020d0000' + // family, state, timer, retrans
      '1f900000' + // local and remote port
      '7f000001000000000000000000000000' +
      '00000000000000000000000000000000' +
      '000000000100000000000000' + // link, cookie
      '00000000000000000000000000000000' + // expires, queues, uid
      '04030201',
    'hex',
  ),
);

test('asks for one state, protocol, family and port', () => {
  const request = Buffer.from(encodeRequest(6, 8080)).toString('hex');
  expect(request).toBe(`0a060000${'00200000'}1f90${'00'.repeat(46)}`);
});

test.each([
  ['127.0.0.1', 8080, 0x01020304],
  ['0.0.0.0', 8080, 0x01020304],
  ['127.0.0.2', 8080, undefined],
  ['127.0.0.1', 8081, undefined],
])('a socket of 127.0.0.1:8080 against %s:%i', (ip, port, inode) => {
  expect(standsInTheWay(REPLY, tcp(ip, port))).toBe(inode);
});

test('a reply cut short is no socket', () => {
  expect(standsInTheWay(REPLY.subarray(0, 71), tcp('127.0.0.1', 8080))).toBeUndefined();
});
