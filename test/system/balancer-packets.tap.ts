import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { VIP_TABLE } from '../../balancer/index.ts';
import type { Service } from '../../core/service.ts';
import { poll } from '../support/poll.ts';
import {
  backendOf,
  openVipScene,
  serveAll,
  serviceOf,
  type VipHost,
  VipNamespace,
} from '../support/vip-scene.ts';

type Tally = Record<string, number>;

/** The families' VIPs of a service. */
function vips(service: Service): readonly string[] {
  return [service.vip4, service.vip6].filter((vip) => vip !== undefined);
}

/** An INIT chunk (RFC 9260 section 3.3.2) from port 12345 to port 7: this kernel tracks SCTP but does not speak it. */
const SCTP_INIT = '3039000700000000000000000100001412345678000100000001000100000001';
/** IPPROTO_SCTP as /proc/net/raw has it. */
const SCTP_HEX = '0084';

/** The next SCTP packet that comes to a host, as hex digits. */
async function sctpHeard({ namespace }: VipHost, family: 4 | 6): Promise<string> {
  const listen = `timeout 10 socat -u ip${family}-recvfrom:132 STDOUT | xxd -p -c 256`;
  return (await promisify(execFile)('nsenter', [`--net=${namespace.path}`, 'sh', '-c', listen])).stdout;
}

/** The sum of an SCTP packet in which it is 0 (RFC 9260 appendix A). */
function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

t.test('virtual IPs on the way of real packets', { timeout: 120_000 }, async (t) => {
  await using scene = await openVipScene(3);
  const { client, backends } = scene;
  await serveAll(backends, { tcp: [80, 8080], udp: [53, 5353] });

  await t.test('the kernel holds what the plan says, and nothing else when it is gone', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    const mapped = [{ protocol: 'tcp', port: 80, target: 8080 }] as const;
    const served = [
      serviceOf(1),
      serviceOf(2, { ports: mapped }),
      serviceOf(3, { affinity: {} }),
      serviceOf(4, { ports: mapped, affinity: { timeoutSeconds: 90 } }),
      serviceOf(5, { affinity: { timeoutSeconds: 3600 } }),
    ].map((service) => ({ service, backends: backends.map((host) => backendOf(host)) }));
    for (const place of ['sandbox', 'host'] as const) {
      await vip.set(served, { place });
      t.same(await vip.differences(), [], place);
      // nft(8) 1.0.6 aborts on rules that it would not make itself.
      const listed = JSON.parse(client.namespace.run('nft -j list ruleset'));
      const tables = listed.nftables.flatMap((each: { table?: { name: string; family: string } }) =>
        each.table === undefined ? [] : `${each.table.family} ${each.table.name}`,
      );
      t.same(tables.sort(), [`ip ${VIP_TABLE}`, `ip6 ${VIP_TABLE}`]);
    }
    await vip.set([]);
    t.equal(client.namespace.run('nft list ruleset'), '');
  });

  await t.test('10,000 connections are spread by weight', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    const service = serviceOf(1);
    const weights = [1, 2, 5];
    await vip.set([
      { service, backends: backends.map((host, i) => backendOf(host, { weight: weights[i] ?? 0 })) },
    ]);
    for (const [host, count] of [
      [service.vip4, 10_000],
      [service.vip6, 4000],
    ] as const) {
      const seen = await client.agent.run<Tally>('tally', { host, port: 80, count });
      t.same(Object.keys(seen).sort(), ['b1', 'b2', 'b3'], `${host}: nobody else, no failure`);
      weights.forEach((weight, i) => {
        const share = ((seen[`b${i + 1}`] ?? 0) / count) * (8 / weight);
        t.ok(Math.abs(share - 1) < 0.05, `${host}: b${i + 1} has ${share.toFixed(3)} of its share`);
      });
    }
    for (const family of ['ip', 'ip6'] as const) {
      const tallies = await vip.nft.tallies(family, VIP_TABLE, 'connections');
      const total = tallies.reduce((sum, { packets }) => sum + packets, 0n);
      t.equal(total, family === 'ip' ? 10_000n : 4000n, `${family}: each connection is counted once`);
      const traffic = await vip.nft.tallies(family, VIP_TABLE, 'traffic');
      for (const { key, packets, bytes } of traffic) {
        const opened = tallies.find((tally) => tally.key.join() === key.join())?.packets ?? 0n;
        t.ok(
          packets >= 4n * opened && bytes > 40n * packets,
          `${key[1]}: ${packets} packets, ${bytes} bytes`,
        );
      }
    }
    await vip.set([]);
  });

  await t.test('connections take turns, also those of two services asked by turns', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    const [one, two] = [serviceOf(1), serviceOf(2)];
    await vip.set(
      [one, two].map((service) => ({ service, backends: backends.map((host) => backendOf(host)) })),
    );
    const seen = await client.agent.run<Tally>('tally', { host: one.vip4, port: 80, count: 300 });
    for (const { name } of backends) t.ok(Math.abs((seen[name] ?? 0) - 100) <= 2, `${name}: ${seen[name]}`);
    const sums: [Tally, Tally] = [{}, {}];
    for (let i = 0; i < 600; i++) {
      const [name = ''] = await client.agent.run<string[]>('sequence', {
        host: (i % 2 === 0 ? one : two).vip4,
        port: 80,
        count: 1,
      });
      const sum = sums[i % 2 === 0 ? 0 : 1];
      sum[name] = (sum[name] ?? 0) + 1;
    }
    for (const sum of sums) {
      // Five standard deviations of a fair choice.
      for (const { name } of backends) t.ok(Math.abs((sum[name] ?? 0) - 100) < 41, JSON.stringify(sum));
    }
    await vip.set([]);
  });

  await t.test('UDP and echo', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    const service = serviceOf(1);
    await vip.set([{ service, backends: backends.map((host) => backendOf(host)) }]);
    for (const host of vips(service)) {
      const seen = await client.agent.run<Tally>('udpTally', { host, port: 53, count: 90 });
      for (const { name } of backends)
        t.ok(Math.abs((seen[name] ?? 0) - 30) <= 2, `${host} ${name}: ${seen[name]}`);
      t.match(client.namespace.run(`ping -c 3 -i 0.1 -W 1 ${host}`), '3 received');
    }
    await vip.set([]);
  });

  await t.test('SCTP, to every port and mapped', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    const whole = serviceOf(1);
    const mapped = serviceOf(5, { ports: [{ protocol: 'sctp', port: 7, target: 9 }] });
    const [backend] = backends;
    if (backend === undefined) throw new Error('no backend');
    await vip.set([whole, mapped].map((service) => ({ service, backends: [backendOf(backend)] })));
    for (const [service, port] of [
      [whole, '0007'],
      [mapped, '0009'],
    ] as const) {
      for (const host of vips(service)) {
        const six = host.includes(':');
        const heard = sctpHeard(backend, six ? 6 : 4);
        await poll(() =>
          backend.namespace.run(`cat /proc/net/raw${six ? '6' : ''}`).includes(`:${SCTP_HEX} `),
        );
        const to = six ? `ip6-sendto:[${host}]` : `ip4-sendto:${host}`;
        client.namespace.run(`echo ${SCTP_INIT} | xxd -r -p | socat -u - ${to}:132`);
        const packet = Buffer.from((await heard).trim(), 'hex');
        t.equal(packet.toString('hex', 0, 8), `3039${port}00000000`, `${host}: ports and tag`);
        const sum = packet.readUInt32LE(8);
        packet.fill(0, 8, 12);
        t.equal(sum, crc32c(packet), 'its sum is right');
      }
    }
    await vip.set([]);
  });

  await t.test('ports are mapped, and what is not offered is refused at once', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    // Not one of before: a datagram from a port that was used then would belong to a connection that is remembered.
    const service = serviceOf(6, {
      ports: [
        { protocol: 'tcp', port: 80, target: 80 },
        { protocol: 'tcp', port: 81, target: 8080 },
        { protocol: 'udp', port: 54, target: 5353 },
      ],
    });
    await vip.set([{ service, backends: backends.map((host) => backendOf(host)) }]);
    for (const host of vips(service)) {
      const ask = (op: string, port: number) => client.agent.run<Tally>(op, { host, port, count: 30 });
      for (const [op, port] of [
        ['tally', 80],
        ['tally', 81],
        ['udpTally', 54],
      ] as const) {
        const seen = await ask(op, port);
        t.same(
          Object.keys(seen).sort(),
          ['b1', 'b2', 'b3'],
          `${host} ${op} ${port}: ${JSON.stringify(seen)}`,
        );
      }
      const started = performance.now();
      t.same(await ask('tally', 8080), { ECONNREFUSED: 30 }, `${host}: the port behind is not offered`);
      t.same(await ask('udpTally', 53), { ECONNREFUSED: 30 }, `${host}: nor a port of UDP`);
      t.ok(performance.now() - started < 1000, 'no wait');
      t.match(client.namespace.run(`ping -c 1 -W 1 ${host}`), '1 received');
    }
    await vip.set([]);
  });

  await t.test('a service without backends refuses at once, and serves as soon as it has one', async (t) => {
    await using vip = await VipNamespace.open(client.namespace);
    const service = serviceOf(7);
    await vip.set([{ service, backends: backends.map((host) => backendOf(host, { state: 'starting' })) }]);
    for (const host of vips(service)) {
      const started = performance.now();
      t.same(await client.agent.run('tally', { host, port: 80, count: 20 }), { ECONNREFUSED: 20 });
      t.same(await client.agent.run('udpTally', { host, port: 53, count: 5 }), { ECONNREFUSED: 5 });
      t.ok(performance.now() - started < 1000, `${host}: no wait`);
      t.throws(() => client.namespace.run(`ping -c 1 -W 1 ${host}`), `${host}: nobody answers an echo`);
    }
    await vip.set([{ service, backends: backends.slice(0, 1).map((host) => backendOf(host)) }]);
    for (const host of vips(service)) {
      t.same(await client.agent.run('tally', { host, port: 80, count: 20 }), { b1: 20 });
    }
    await vip.set([]);
  });

  await t.test('a container reaches itself through its own virtual IP', async (t) => {
    const [self, other] = backends;
    if (self === undefined || other === undefined) throw new Error('no backends');
    await using vip = await VipNamespace.open(self.namespace);
    const service = serviceOf(1, { ports: [{ protocol: 'tcp', port: 81, target: 8080 }] });
    const whole = serviceOf(2);
    await vip.set([service, whole].map((each) => ({ service: each, backends: [backendOf(self)] })));
    for (const host of vips(service)) {
      t.same(await self.agent.run('tally', { host, port: 81, count: 50 }), { b1: 50 }, host);
    }
    for (const host of vips(whole)) {
      t.same(await self.agent.run('tally', { host, port: 80, count: 50 }), { b1: 50 }, host);
      t.same(await self.agent.run('udpTally', { host, port: 53, count: 20 }), { b1: 20 }, host);
      t.match(self.namespace.run(`ping -c 1 -W 1 ${host}`), '1 received');
    }
    await vip.set([{ service, backends: [backendOf(self), backendOf(other)] }]);
    for (const host of vips(service)) {
      const seen = await self.agent.run<Tally>('tally', { host, port: 81, count: 100 });
      t.ok(
        Math.abs((seen['b1'] ?? 0) - 50) <= 2 && Math.abs((seen['b2'] ?? 0) - 50) <= 2,
        JSON.stringify(seen),
      );
    }
    await vip.set([]);
  });
});
