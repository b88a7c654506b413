import { expect, test } from 'vitest';
import { queryPacket } from '../fixtures/packets.ts';
import { anEndpoint, ip } from '../fixtures/records.ts';
import { boundUdp, UdpClient } from '../fixtures/sockets.ts';
import { NameTable } from '../table/index.ts';
import { SandboxServer } from './sandbox-server.ts';

test('a datagram from port 0, as a raw socket can send, is passed over', async () => {
  const table = new NameTable();
  table.putEndpoint(anEndpoint('1', ['web'], { ipv4: ip('198.18.0.2') }));
  const udp = await boundUdp();
  const { port } = udp.address();
  const log = { debug: () => undefined, warn: () => undefined, error: () => undefined };
  const forwarder = { cached: () => undefined, ask: () => Promise.reject(new Error('nobody')) };
  const parts = { udp: [udp], tcp: [], table, networks: ['net-id'], forwarder, clock: Date, log };
  await using server = new SandboxServer(parts);
  udp.emit('message', queryPacket('web'), { address: '127.0.0.1', port: 0, family: 'IPv4', size: 21 });
  udp.emit('message', queryPacket('other'), { address: '127.0.0.1', port: 0, family: 'IPv4', size: 21 });
  using client = await UdpClient.open(port);
  expect((await client.ask(queryPacket('web'))).readUInt16BE(6)).toBe(1);
  expect(server.counts).toMatchObject({ local: 1, failed: 0 });
});
