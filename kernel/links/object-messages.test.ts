import { describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../../core/address.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import { goldenHex } from '../../test/support/golden-hex.ts';
import { addRequest, describe as inWords, type OnLink, removeRequest } from './object-messages.ts';

const dev = 'wb-x' as IfName;
const address = (ip: string, prefix: number): OnLink => ({
  kind: 'address',
  dev,
  address: { ip: ip as Ip, prefix },
});
const route: OnLink = {
  kind: 'route',
  dev,
  destination: '198.18.9.0/24' as Cidr,
  via: '198.18.0.9' as Ip,
};
const direct: OnLink = {
  kind: 'route',
  dev,
  destination: '198.18.9.7/32' as Cidr,
  source: '192.0.2.7' as Ip,
};
const neighbour = (ip: string): OnLink => ({
  kind: 'neighbour',
  dev,
  ip: ip as Ip,
  mac: '02:00:00:00:00:05' as Mac,
});
const vtep: OnLink = {
  kind: 'fdb',
  dev,
  mac: '02:00:00:00:00:77' as Mac,
  destination: '192.0.2.2' as Ip,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('requests are those of iproute2', () => {
  test.each([
    ['address4-add', addRequest(address('198.18.0.1', 24), 2)],
    ['address6-add', addRequest(address('fd00::1', 64), 2)],
    ['address4-del', removeRequest(address('198.18.0.1', 24), 2)],
    ['neighbour4-add', addRequest(neighbour('198.18.0.5'), 2)],
    ['neighbour6-add', addRequest(neighbour('fd00::5'), 2)],
    ['fdb-vxlan', addRequest(vtep, 2)],
    ['route4-add', addRequest(route, 2)],
  ])('%s', (golden, request) => {
    const bytes = goldenHex(golden);
    expect(request.type).toBe(Buffer.from(bytes).readUInt16LE(4));
    expect(hex(request.payload)).toBe(hex(bytes.subarray(16)));
  });
});

test('steps are told in words', () => {
  expect(
    [address('fd00::1', 64), route, direct, neighbour('198.18.0.5'), vtep].map((object) =>
      inWords('create', object),
    ),
  ).toEqual([
    'create address fd00::1/64 on wb-x',
    'create route 198.18.9.0/24 via 198.18.0.9 dev wb-x',
    'create route 198.18.9.7/32 dev wb-x src 192.0.2.7',
    'create neighbour 198.18.0.5 at 02:00:00:00:00:05 on wb-x',
    'create forwarding entry 02:00:00:00:00:77 to 192.0.2.2 on wb-x',
  ]);
});
