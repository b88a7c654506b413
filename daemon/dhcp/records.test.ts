import { describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import type { IfName, Mac, PoolId } from '../../core/ids.ts';
import { type DhcpRecord, decodeDhcpRecord, dhcpKey, encodeDhcpRecord } from './records.ts';

const POOL = 'WeftLocal/192.0.2.0/24' as PoolId;
const IP = '192.0.2.77' as Ip;
const KEY = dhcpKey(POOL, IP);
const RECORD: DhcpRecord = {
  poolId: POOL,
  subnet: '192.0.2.0/24' as Cidr,
  device: 'eth0.50' as IfName,
  mac: '02:42:00:00:00:77' as Mac,
  clientId: '007765',
  hostname: 'web',
  lease: {
    ip: IP,
    prefix: 24,
    router: '192.0.2.254' as Ip,
    server: '192.0.2.1' as Ip,
    serverMac: '02:00:00:00:00:01' as Mac,
    renewAt: 10,
    rebindAt: 20,
    expiresAt: 30,
  },
  lost: { since: 40, reason: 'no' },
  createdAt: 5,
};

test('a record is the same after a restart', () => {
  expect(KEY).toBe('dhcp/WeftLocal/192.0.2.0/24/192.0.2.77');
  expect(decodeDhcpRecord(KEY, encodeDhcpRecord(RECORD))).toEqual(RECORD);
  const { hostname: _, lost: __, ...rest } = RECORD;
  const { router: ___, ...lease } = RECORD.lease;
  expect(decodeDhcpRecord(KEY, encodeDhcpRecord({ ...rest, lease }))).toEqual({ ...rest, lease });
});

describe('what cannot be read is named', () => {
  const text = (change: (record: Record<string, never>) => unknown) =>
    Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(encodeDhcpRecord(RECORD)).toString()))));
  test.each<[string, string, Uint8Array]>([
    ['no JSON', KEY, Buffer.from('{')],
    ['no lease', KEY, text(({ lease: _, ...rest }) => rest)],
    ['a time that is text', KEY, text((record) => ({ ...record, createdAt: 'now' }))],
    ['a client id that is no hex', KEY, text((record) => ({ ...record, clientId: 'zz' }))],
    ['a MAC that is none', KEY, text((record) => ({ ...record, mac: '02:42' }))],
    ['a key without an address', 'dhcp/WeftLocal/192.0.2.0/24', encodeDhcpRecord(RECORD)],
    ['a key with a wrong subnet', 'dhcp/WeftLocal/x/24/192.0.2.77', encodeDhcpRecord(RECORD)],
  ])('%s', (_name, key, value) => {
    const read = () => decodeDhcpRecord(key, value);
    expect(read).toThrow(DecodeError);
    expect(read).toThrow(`store record ${key}: `);
  });
});
