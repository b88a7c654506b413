import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import type { Cidr, Ip } from '../../../core/address.ts';
import { Conflict } from '../../../core/errors.ts';
import { type AddressConflictFound, LanProbe } from '../../../daemon/lan/index.ts';
import { Repository } from '../../../daemon/state/index.ts';
import { IpamService } from '../../../ipam/index.ts';
import { openLinuxKernel } from '../../../kernel/index.ts';
import { PROBE_TIMING } from '../../../kernel/packet/index.ts';
import { openSqliteStore } from '../../../store/index.ts';
import { aNetworkRequest, anEndpointRequest, aSubnet } from '../../fakes/builders.ts';
import { driversWithLan } from '../../fakes/lan-driver.ts';
import { Segment } from './segment.ts';

/*
 * IPAM, its store, the LAN probe and the kernel as weftd puts them together, on a LAN with another machine. Which link
 * the LAN is behind is said by a driver of the test.
 */

const THEIRS = '02:42:00:00:00:02';
const log = pino({ level: 'silent' });
const clock = { now: () => Date.now() };
const CIDR4 = '198.18.0.0/29' as Cidr;
const CIDR6 = 'fd00:18::/125' as Cidr;
const folder = mkdtempSync(join(tmpdir(), 'weft-lan-'));
t.teardown(() => rmSync(folder, { recursive: true }));

/** A host; opened again it has what it had stored. */
async function open(path: string, namespace: string) {
  const stack = new AsyncDisposableStack();
  const store = stack.use(await openSqliteStore({ path }));
  const kernel = stack.use(await openLinuxKernel({ namespace, log: () => undefined }));
  const repository = await Repository.load(store);
  const conflicts: AddressConflictFound[] = [];
  const lan = new LanProbe({
    repository,
    drivers: driversWithLan('eth0'),
    kernel,
    gives: (subnet) => ipam.services.gives(subnet),
    upcoming: (subnet) => ipam.services.upcoming(subnet, 2),
    clock,
    found: (conflict) => conflicts.push(conflict),
    log,
  });
  const ipam: IpamService = await IpamService.load({
    store,
    clock,
    hostRoutes: async () => [],
    holderOf: lan.holderOfPooled,
  });
  const ask = async (pool: Cidr, address?: string): Promise<Ip> => {
    const request = { poolId: `WeftLocal/${pool}`, options: null, address: address as Ip | undefined };
    return (await ipam.requestAddress(request)).ip;
  };
  return { repository, lan, ipam, conflicts, ask, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** A network on the LAN, with pools of weft's IPAM; its gateway is the other machine. */
async function makeNetwork(host: Awaited<ReturnType<typeof open>>, cidr4 = CIDR4): Promise<void> {
  const { ipam, repository } = host;
  for (const [pool, gateway] of [
    [cidr4, '198.18.0.1'],
    [CIDR6, 'fd00:18::1'],
  ] as const) {
    const { poolId } = await ipam.requestPool({
      space: 'WeftLocal',
      pool,
      subPool: '',
      options: {},
      v6: pool.includes(':'),
    });
    const options = { RequestAddressType: 'com.docker.network.gateway' };
    await ipam.requestAddress({ poolId, address: gateway as Ip, options });
  }
  const request = aNetworkRequest({
    ipv4: [aSubnet(cidr4, `198.18.0.1/${cidr4.split('/')[1]}`)],
    ipv6: [aSubnet(CIDR6, 'fd00:18::1/125')],
  });
  await repository.putNetwork({ driver: 'weft-macvlan', request, options: {}, createdAt: 1 });
}

async function scene(name: string) {
  const segment = await Segment.open();
  const here = await segment.machine('02:42:00:00:00:01');
  const there = await segment.machine(THEIRS);
  for (const end of [1, 2, 4]) {
    there.run(`
      ip addr add 198.18.0.${end}/24 dev eth0
      ip -6 addr add fd00:18::${end}/64 dev eth0 nodad`);
  }
  return { segment, here, there, path: join(folder, `${name}.db`) };
}

t.test(
  'addresses of the other machine are passed over, in both families, and known after a restart',
  async (t) => {
    const { segment, here, there, path } = await scene('over');
    using _ = segment;
    {
      await using host = await open(path, here.path);
      await makeNetwork(host);
      t.same(host.conflicts, [], 'the gateway is the router’s');
      t.same(await Promise.all([host.ask(CIDR4), host.ask(CIDR6)]), ['198.18.0.3', 'fd00:18::3']);
      t.same(host.conflicts.map(({ ip, holder }) => `${ip} ${holder.mac}`).sort(), [
        `198.18.0.2 ${THEIRS}`,
        `fd00:18::2 ${THEIRS}`,
      ]);
    }
    await using host = await open(path, here.path);
    const aside = host.ipam.list().flatMap(({ conflicts }) => conflicts.map(({ ip }) => ip));
    t.same(aside, ['198.18.0.2', 'fd00:18::2']);
    t.same([await host.ask(CIDR4), await host.ask(CIDR6)], ['198.18.0.5', 'fd00:18::5']);
    await host.ask(CIDR4);
    await t.rejects(host.ask(CIDR4), /4 of 6 usable .*, 2 in use by others on the LAN, 0 resting/);
    there.run('ip addr del 198.18.0.4/24 dev eth0');
    t.equal(await host.ask(CIDR4), '198.18.0.4', 'what is free again is given before the pool is full');
  },
);

t.test('a fixed address, a virtual IP, and an address of Docker’s IPAM', async (t) => {
  const { segment, here, path } = await scene('fixed');
  using _ = segment;
  await using host = await open(path, here.path);
  await makeNetwork(host);
  await t.rejects(
    host.ask(CIDR4, '198.18.0.4'),
    new Conflict(`address 198.18.0.4 of pool ${CIDR4} is in use on the LAN by ${THEIRS}`),
  );
  t.equal(await host.ask(CIDR4, '198.18.0.6'), '198.18.0.6');
  t.equal(await host.ipam.services.hold(CIDR4, 'web'), '198.18.0.3');
  const [network] = [...host.repository.networks()];
  if (network === undefined) throw new Error('no network');
  for (const poolId of [CIDR4, CIDR6]) await host.ipam.releasePool(`WeftLocal/${poolId}`);
  const taken = anEndpointRequest({ ipv4: '198.18.0.3/29', ipv6: 'fd00:18::4/125' });
  await t.rejects(host.lan.assertFree(network, taken), {
    message: new RegExp(`^address fd00:18::4 is in use on the LAN of eth0 by ${THEIRS};`),
  });
  await host.lan.assertFree(network, anEndpointRequest({ ipv4: '198.18.0.3/29', ipv6: 'fd00:18::3/125' }));
});

t.test('containers that start at once get different addresses, without waiting for each other', async (t) => {
  const { segment, here, path } = await scene('many');
  using _ = segment;
  await using host = await open(path, here.path);
  const pool = '198.18.0.0/24' as Cidr;
  await makeNetwork(host, pool);
  const started = performance.now();
  const given = await Promise.all(Array.from({ length: 30 }, () => host.ask(pool)));
  t.equal(new Set(given).size, 30);
  t.notOk(given.some((ip) => ['198.18.0.1', '198.18.0.2', '198.18.0.4'].includes(ip)));
  const oneByOne = 30 * PROBE_TIMING.count * PROBE_TIMING.intervalMs;
  t.ok(performance.now() - started < oneByOne / 2);
});

t.test('with the link down containers get addresses all the same', async (t) => {
  const { segment, here, path } = await scene('down');
  using _ = segment;
  here.run('ip link set eth0 down');
  await using host = await open(path, here.path);
  await makeNetwork(host);
  t.same([await host.ask(CIDR4), await host.ask(CIDR6)], ['198.18.0.2', 'fd00:18::2']);
});
