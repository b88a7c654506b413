import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { procAddress, procSocketReader } from './proc-net.ts';

const HEADING =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0`;
const V6_LOOPBACK = '00000000000000000000000001000000';

test('addresses are words of a little-endian host', () => {
  expect(procAddress('127.0.0.1' as Ip)).toBe('0100007F');
  expect(procAddress('::1' as Ip)).toBe(V6_LOOPBACK);
  expect(procAddress('fd00::1:2' as Ip)).toBe('000000FD000000000000000002000100');
});

test.each([
  ['the address itself', '127.0.0.1', line('0100007F:1F90', '0A', 77), { state: 10, inode: 77 }],
  ['every address', '127.0.0.1', line('00000000:1F90', '0A', 78), { state: 10, inode: 78 }],
  [
    '[::], which holds IPv4 too',
    '127.0.0.1',
    line(`${'0'.repeat(32)}:1F90`, '0A', 79),
    { state: 10, inode: 79 },
  ],
  ['another address', '127.0.0.1', line('020200C0:1F90', '0A', 80), undefined],
  ['any address against the wildcard', '0.0.0.0', line('020200C0:1F90', '06', 0), { state: 6, inode: 0 }],
  ['another port', '127.0.0.1', line('0100007F:1F91', '0A', 81), undefined],
  ['the port as the remote one', '127.0.0.1', line('0100007F:0001 0100007F:1F90', '01', 82), undefined],
  ['IPv6', '::1', line(`${V6_LOOPBACK}:1F90`, '07', 83), { state: 7, inode: 83 }],
  ['the heading', '0.0.0.0', HEADING, undefined],
  ['a line cut short', '127.0.0.1', '   0: 0100007F:1F90 00000000:0000', undefined],
])('port 8080 against %s', (_, ip, text, expected) => {
  expect(procSocketReader(ip as Ip, 8080)(text)).toEqual(expected);
});
