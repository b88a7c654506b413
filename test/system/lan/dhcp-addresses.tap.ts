import '../../support/own-namespace.ts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Ip } from '../../../core/address.ts';
import type { NetworkDriver } from '../../../core/driver.ts';
import type { IfName, Mac, NetworkId, PoolId } from '../../../core/ids.ts';
import type { DriverName, Network } from '../../../core/model.ts';
import { ipamBackend } from '../../../daemon/addresses.ts';
import { DhcpLeases, NetworkAddresses, tendLeases } from '../../../daemon/dhcp/index.ts';
import { Repository } from '../../../daemon/state/index.ts';
import { noneDriver } from '../../../drivers/none/index.ts';
import { IpamService, systemClock } from '../../../ipam/index.ts';
import { openSqliteStore } from '../../../store/index.ts';
import { aNetworkRequest, anEndpoint, anEndpointRequest, aSubnet, NETWORK_ID } from '../../fakes/builders.ts';
import { poll } from '../../support/poll.ts';
import { DhcpLab } from './dhcp-lab.ts';

/*
 * Docker's IPAM calls in the order in which engines make them, on a network whose driver says that it has its addresses
 * by DHCP, with everything below them real: IPAM, leases, store, sockets, dnsmasq.
 */
t.setTimeout(120_000);

const SUBNET = '192.0.2.0/24';
const POOL = `WeftLocal/${SUBNET}`;
const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' };
const named = (name: string) => ({ 'com.docker.network.endpoint.name': name });
const lanDriver: NetworkDriver = { ...noneDriver, parseNetwork: () => ({}), ignoredOptions: () => [] };
const drivers = new Map<DriverName, NetworkDriver>([
  ['weft-none', lanDriver],
  ['weft-macvlan', { ...lanDriver, dhcp: () => ({ device: 'eth0' as IfName }) }],
]);

const folder = mkdtempSync(join(tmpdir(), 'weft-dhcp-store-'));
const lab = await DhcpLab.open((script) => execFileSync('sh', ['-e', '-c', script], { encoding: 'utf8' }));
await lab.serve('--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,2m');
const warnings: { readonly facts: object; readonly message: string }[] = [];
const silent = () => undefined;
const log = {
  debug: silent,
  info: silent,
  error: silent,
  warn: (facts: object, message: string) => void warnings.push({ facts, message }),
};
const store = await openSqliteStore({ path: join(folder, 'weft.db'), warn: silent });
const ipam = await IpamService.load({ store, clock: systemClock, hostRoutes: async () => [] });
const repository = await Repository.load(store);
const leases = await DhcpLeases.load({ store, clock: systemClock, log, announce: silent });
const common = { ipam, leases, repository, drivers, hostId: 'h1', log };
const addresses = new NetworkAddresses({ ...common, addresses: ipamBackend(ipam) });
const names = new Map<string, string>();
const tend = (graceMs: number) => tendLeases({ ...common, nameOf: (id: string) => names.get(id) }, graceMs);

t.teardown(async () => {
  leases[Symbol.dispose]();
  await store[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const ask = (options: Readonly<Record<string, string>> | null, address?: string) =>
  addresses.requestAddress({
    poolId: POOL,
    options,
    ...(address === undefined ? {} : { address: address as Ip }),
  });
const held = () => ipam.list().flatMap(({ leases }) => leases);
const served = (ip: string) => poll(() => lab.leases().find((lease) => lease.ip === ip));

async function createNetwork(driver: DriverName): Promise<Network> {
  const { pool } = await addresses.requestPool({
    space: 'WeftLocal',
    pool: SUBNET as never,
    options: {},
    v6: false,
  });
  t.equal((await ask(GATEWAY, '192.0.2.254')).ip, '192.0.2.254');
  t.equal(
    (await ask(null, '192.0.2.253')).ip,
    '192.0.2.253',
    'an auxiliary address is not the server’s affair',
  );
  const request = aNetworkRequest({ ipv4: [aSubnet(pool, '192.0.2.254/24')] });
  const network: Network = { driver, request, options: {}, createdAt: Date.now() };
  await repository.putNetwork(network);
  return network;
}

async function removeNetwork(): Promise<void> {
  await repository.deleteNetwork(NETWORK_ID as NetworkId);
  await addresses.releasePool(POOL);
}

t.test('a network without DHCP is as before', async (t) => {
  await createNetwork('weft-none');
  t.equal((await ask(null)).ip, '192.0.2.1');
  t.equal(lab.count('DHCPDISCOVER'), 0);
  await removeNetwork();
});

t.test('a network with DHCP', async (t) => {
  const network = await createNetwork('weft-macvlan');
  t.equal(lab.count('DHCPDISCOVER'), 0, 'neither gateway nor auxiliary addresses are asked for');

  const web = await ask(named('web_1.local'));
  t.match(web, { ip: /^192\.0\.2\.1[0-5]\d$/, prefix: 24 });
  const { mac } = await served(web.ip);
  t.match(await served(web.ip), { name: 'web-1-local' });
  t.match(
    held().find(({ ip }) => ip === web.ip),
    { kind: 'endpoint', name: 'web_1.local', mac },
  );
  t.match(warnings, [
    {
      facts: { gateway: '192.0.2.254', router: '192.0.2.1' },
      message: 'the DHCP server names another router than the gateway that containers have',
    },
  ]);

  const endpoint = anEndpointRequest({ ipv4: `${web.ip}/24` });
  const { mac: _, ...unnamed } = endpoint;
  t.equal(await addresses.macFor(network, unnamed), mac, 'the container gets the MAC of the lease');
  t.equal(await addresses.macFor({ ...network, driver: 'weft-none' }, unnamed), undefined);
  const own = '02:42:00:00:09:09' as Mac;
  await addresses.macFor(network, { ...unnamed, mac: own });
  await poll(() => lab.leases().some((lease) => lease.mac === own && lease.ip === web.ip));
  t.pass('a MAC that the user gave is told to the server');

  const anonymous = await ask(null);
  t.not(anonymous.ip, web.ip);
  t.equal((await served(anonymous.ip)).name, '*', 'engines before 29 tell no name');
  t.equal((await ask(named('fixed'), '192.0.2.140')).ip, '192.0.2.140');
  await t.rejects(ask(named('again'), '192.0.2.140'), { code: 'conflict' });

  await addresses.releaseAddress({ poolId: POOL, address: web.ip });
  await poll(() => !lab.leases().some((lease) => lease.ip === web.ip));
  t.notOk(held().some(({ ip }) => ip === web.ip));
  t.equal((await ask(named('web_1.local'))).ip, web.ip, 'the same name gets the same address again');

  const lateMac = leases.get(POOL as PoolId, anonymous.ip)?.mac;
  const stored = anEndpoint({
    request: anEndpointRequest({ ipv4: `${anonymous.ip}/24` }),
    ...(lateMac === undefined ? {} : { mac: lateMac }),
  });
  await repository.putEndpoint(stored);
  names.set(stored.request.id, 'late');
  await tend(60_000);
  await poll(async () => (await served(anonymous.ip)).name === 'late');
  t.pass('a name that is known later is told then');

  await leases.release(POOL as PoolId, anonymous.ip);
  await poll(() => !lab.leases().some((lease) => lease.ip === anonymous.ip));
  await tend(0);
  t.equal(leases.get(POOL as PoolId, anonymous.ip)?.mac, stored.mac);
  await poll(() => leases.get(POOL as PoolId, anonymous.ip)?.lost === undefined, 25_000);
  t.equal((await served(anonymous.ip)).mac, stored.mac, 'an address without a lease gets one');

  await repository.deleteEndpoint(stored);
  await ipam.releaseAddress({ poolId: POOL, address: anonymous.ip });
  await tend(60_000);
  t.ok(leases.get(POOL as PoolId, anonymous.ip), 'what is young may be about to be held');
  await tend(0);
  t.notOk(leases.get(POOL as PoolId, anonymous.ip), 'a collected address is given back');

  await removeNetwork();
  t.same(leases.list(), []);
  await poll(() => lab.leases().length === 0);
});

t.test('what cannot be given leaves nothing behind', async (t) => {
  await createNetwork('weft-macvlan');
  await t.rejects(ask(named('web'), '192.0.2.20'), { code: 'conflict', message: /and not 192\.0\.2\.20$/ });
  t.same(
    held().map(({ ip }) => ip),
    ['192.0.2.253', '192.0.2.254'],
  );
  t.same(leases.list(), []);
  await removeNetwork();
});
