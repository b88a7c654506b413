import '../../support/own-namespace.ts';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Cidr, Ip } from '../../../core/address.ts';
import type { IfName, Mac, PoolId } from '../../../core/ids.ts';
import type { Store } from '../../../core/ports.ts';
import type { ProbeAddress } from '../../../daemon/dhcp/acquisition.ts';
import { type DhcpEvent, DhcpLeases } from '../../../daemon/dhcp/dhcp-leases.ts';
import type { DhcpAsk } from '../../../daemon/dhcp/records.ts';
import { judgeDhcpLeases } from '../../../daemon/doctor/dhcp-leases.ts';
import { systemClock } from '../../../ipam/index.ts';
import { openSqliteStore } from '../../../store/index.ts';
import { poll } from '../../support/poll.ts';
import { openScratchNamespace, type ScratchNamespace } from '../../support/scratch-namespace.ts';
import { DhcpLab } from './dhcp-lab.ts';

t.setTimeout(240_000);

const ETH0 = 'eth0' as IfName;
const SUBNET = '192.0.2.0/24' as Cidr;
const POOL = { id: `WeftLocal/${SUBNET}` as PoolId, subnet: SUBNET };
/** dnsmasq gives no lease for less than two minutes, but it can be told when to renew. */
const RANGE = '--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,2m';
const QUICK = ['--dhcp-option=option:T1,2', '--dhcp-option=option:T2,6'];

const here = (script: string) => execFileSync('sh', ['-e', '-c', script], { encoding: 'utf8' });
const silent = () => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const macOf = (n: number) => `02:42:00:00:01:${n.toString(16).padStart(2, '0')}` as Mac;
const ask = (n: number, more: Partial<DhcpAsk> = {}): DhcpAsk => ({
  pool: POOL,
  device: ETH0,
  mac: macOf(n),
  clientId: Uint8Array.of(0, 0x77, n),
  hostname: `box${n}`,
  ...more,
});

const lab = await DhcpLab.open(here);
const folder = mkdtempSync(join(tmpdir(), 'weft-dhcp-store-'));
const store: Store = await openSqliteStore({ path: join(folder, 'weft.db'), warn: silent });
const events: DhcpEvent[] = [];
const kinds = () => events.map(({ kind }) => kind);
const open = (probe?: ProbeAddress) =>
  DhcpLeases.load({
    store,
    clock: systemClock,
    log,
    announce: (event) => events.push(event),
    ...(probe === undefined ? {} : { probe }),
  });
let leases = await open();

t.beforeEach(() => events.splice(0));
t.teardown(async () => {
  leases[Symbol.dispose]();
  await store[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What weft-macvlan makes: a link on eth0 with the lease's MAC, in the container's namespace, with its address. */
function plumb(container: ScratchNamespace, mac: Mac, ip: Ip): void {
  here(
    `ip link add link eth0 name c0 address ${mac} type macvlan mode bridge; ip link set c0 netns ${container.pid}`,
  );
  container.run(`ip link set lo up; ip addr add ${ip}/24 dev c0; ip link set c0 up`);
}

/** Another weftd, for which the stored times of a lease are these. */
async function restartWith(ip: Ip, times: { renewAt: number; rebindAt: number; expiresAt: number }) {
  leases[Symbol.dispose]();
  const key = `dhcp/${POOL.id}/${ip}`;
  const [entry] = (await store.list(key)).entries;
  const stored = JSON.parse(Buffer.from(entry?.value ?? []).toString());
  const value = Buffer.from(JSON.stringify({ ...stored, lease: { ...stored.lease, ...times } }));
  await store.commit({ put: [{ key, value }] });
  leases = await open();
}

const served = (mac: Mac) => lab.leases().find((lease) => lease.mac === mac);
const record = (ip: Ip) => {
  const found = leases.get(POOL.id, ip);
  if (found === undefined) throw new Error(`no record of ${ip}`);
  return found;
};

t.test('no server: an error that says so, in time for Docker', async (t) => {
  const before = performance.now();
  await t.rejects(leases.acquire(ask(1)), {
    code: 'unavailable',
    message: 'no DHCP server answers on eth0 within 10 s',
  });
  t.ok(performance.now() - before < 11_000);
  t.same(leases.list(), []);
  await t.rejects(leases.acquire(ask(1, { device: 'nosuch' as IfName })), {
    code: 'unavailable',
    message: 'no address by DHCP on nosuch: there is no device nosuch',
  });
  here('ip link set eth0 down');
  await t.rejects(leases.acquire(ask(1)), { code: 'unavailable', message: /ENETDOWN$/ });
  here('ip link set eth0 up');
});

t.test('a lease is the server’s, with MAC, host name and client id; release gives it back', async (t) => {
  await lab.serve(RANGE);
  const lease = await leases.acquire(ask(2));
  t.match(lease, { ip: /^192\.0\.2\.1[0-5]\d$/, prefix: 24, router: '192.0.2.1', server: '192.0.2.1' });
  t.match(served(macOf(2)), { ip: lease.ip, name: 'box2', clientId: '00:77:02' });
  t.same(kinds(), ['dhcp.lease']);
  t.equal(record(lease.ip).lease.expiresAt, lease.expiresAt);
  await t.rejects(leases.acquire(ask(2)), { code: 'conflict' });

  await leases.release(POOL.id, lease.ip);
  await poll(() => served(macOf(2)) === undefined);
  t.equal(lab.count('DHCPRELEASE'), 1);
  t.same([leases.list(), (await store.list('dhcp/')).entries], [[], []]);
  await leases.release(POOL.id, lease.ip);
});

t.test('many at once over one socket', async (t) => {
  await lab.serve(RANGE);
  const numbers = Array.from({ length: 20 }, (_, n) => 100 + n);
  const given = await Promise.all(numbers.map((n) => leases.acquire(ask(n))));
  t.equal(new Set(given.map(({ ip }) => ip)).size, 20);
  t.same(
    given.map(({ ip }) => lab.leases().find((lease) => lease.ip === ip)?.mac),
    numbers.map(macOf),
  );
  const releases = lab.count('DHCPRELEASE');
  for (const { ip } of given) await leases.release(POOL.id, ip);
  await poll(() => lab.count('DHCPRELEASE') === releases + 20);
});

t.test('an address that is wanted, and one that the server does not give', async (t) => {
  await lab.serve(RANGE);
  const wanted = '192.0.2.123' as Ip;
  t.equal((await leases.acquire(ask(3, { wanted }))).ip, wanted);
  await t.rejects(leases.acquire(ask(4, { wanted: '192.0.2.200' as Ip })), {
    code: 'conflict',
    message: /^no address by DHCP on eth0: DHCP server 192\.0\.2\.1 gives \S+\/24 and not 192\.0\.2\.200$/,
  });
  await leases.release(POOL.id, wanted);
});

t.test('a server of another subnet: both are named', async (t) => {
  await lab.serve(RANGE);
  const subnet = '192.0.2.0/25' as Cidr;
  const before = performance.now();
  await t.rejects(leases.acquire(ask(5, { pool: { id: `WeftLocal/${subnet}` as PoolId, subnet } })), {
    code: 'conflict',
    message: /gives \S+\/24 of subnet 192\.0\.2\.0\/24, but the network has subnet 192\.0\.2\.0\/25$/,
  });
  t.ok(performance.now() - before < 5000, 'and it does not wait for long');
  t.same(leases.list(), []);
});

t.test('renewed while the container runs, over restarts of the server and of weftd', async (t) => {
  await lab.serve(RANGE, ...QUICK);
  using container = await openScratchNamespace();
  const { ip } = await leases.acquire(ask(6));
  plumb(container, macOf(6), ip);
  const renewed = async (what: string) => {
    const { expiresAt } = record(ip).lease;
    const expires = served(macOf(6))?.expires ?? 0;
    await poll(
      () => record(ip).lease.expiresAt > expiresAt && (served(macOf(6))?.expires ?? 0) > expires,
      15_000,
    );
    t.pass(what);
  };
  await renewed('by the server, whose answer goes to the container’s MAC');
  const discovers = lab.count('DHCPDISCOVER');

  await lab.serve(RANGE, ...QUICK);
  await renewed('by a server that was started again');

  leases[Symbol.dispose]();
  leases = await open();
  t.equal(record(ip).mac, macOf(6));
  await renewed('by another weftd');
  t.equal(lab.count('DHCPDISCOVER'), discovers, 'nobody began anew');
  t.equal(container.run('ping -c1 -w2 192.0.2.1 >/dev/null && echo yes').trim(), 'yes');

  const mac = macOf(66);
  container.run(`ip link set c0 down; ip link set c0 address ${mac}; ip link set c0 up`);
  await leases.identify(POOL.id, ip, { mac, hostname: 'renamed' });
  await poll(() => served(mac)?.name === 'renamed');
  t.equal(served(mac)?.ip, ip, 'a new MAC and name have the same lease');
  await leases.release(POOL.id, ip);
  await poll(() => served(mac) === undefined);
});

t.test('a lease that ended while weftd was away is asked for again', async (t) => {
  await lab.serve(RANGE);
  const { ip } = await leases.acquire(ask(7));
  await restartWith(ip, { renewAt: 1, rebindAt: 2, expiresAt: 3 });
  await poll(() => record(ip).lease.expiresAt > Date.now());
  t.same(kinds(), ['dhcp.lease']);
  await leases.release(POOL.id, ip);
});

t.test('an address that somebody uses is declined, and the next one taken', async (t) => {
  await lab.serve(RANGE);
  const first = await leases.acquire(ask(8));
  await leases.release(POOL.id, first.ip);
  await poll(() => served(macOf(8)) === undefined);
  using other = await openScratchNamespace();
  lab.plug(other, 'o0', `${first.ip}/24`);
  const otherMac = other.run('cat /sys/class/net/lan/address 2>/dev/null || ip -j link show lan');
  // Duplicate address detection of busybox: it fails when somebody answers.
  const probe: ProbeAddress = async (device, ip) => {
    const asked = spawnSync('busybox', ['arping', '-D', '-q', '-c', '1', '-w', '1', '-I', device, ip]);
    return asked.status === 0 ? undefined : { mac: '02:00:00:00:00:99' as Mac };
  };
  leases[Symbol.dispose]();
  leases = await open(probe);
  t.ok(otherMac);
  const second = await leases.acquire(ask(8));
  t.not(second.ip, first.ip);
  t.equal(lab.count('DHCPDECLINE'), 1);
  t.same(kinds(), ['dhcp.lease', 'dhcp.release', 'dhcp.conflict', 'dhcp.lease']);
  t.match(events[2], { fields: { ip: first.ip, holder: '02:00:00:00:00:99' } });
  await leases.release(POOL.id, second.ip);
  await t.rejects(leases.acquire(ask(9, { wanted: first.ip })), {
    code: 'conflict',
    message: `address ${first.ip} is used by 02:00:00:00:00:99 on the LAN of eth0`,
  });
  leases[Symbol.dispose]();
  leases = await open();
});

t.test(
  'a server that refuses: the lease is lost, said, and had again when the server is as before',
  async (t) => {
    await lab.serve(RANGE, ...QUICK);
    using container = await openScratchNamespace();
    const { ip } = await leases.acquire(ask(10));
    plumb(container, macOf(10), ip);
    await lab.stopServer();
    lab.forgetLeases();
    await lab.serve(
      '--dhcp-range=192.0.2.200,192.0.2.210,255.255.255.0,2m',
      '--dhcp-authoritative',
      ...QUICK,
    );
    await poll(() => kinds().includes('dhcp.lost'), 15_000);
    t.ok(lab.count('DHCPNAK') > 0);
    t.match(record(ip).lost, { reason: new RegExp(`DHCP server 192.0.2.1 refuses ${ip}`) });
    t.match(judgeDhcpLeases(leases.list(), Date.now()), [
      { level: 'fail', title: `The container with MAC ${macOf(10)} has address ${ip} without a DHCP lease` },
    ]);

    leases[Symbol.dispose]();
    leases = await open();
    t.ok(record(ip).lost, 'a restart does not forget it');
    await lab.serve(RANGE, ...QUICK);
    await poll(() => kinds().at(-1) === 'dhcp.regained', 30_000);
    t.equal(record(ip).lost, undefined);
    t.equal(served(macOf(10))?.ip, ip);
    await leases.release(POOL.id, ip);
  },
);

t.test(
  'a server that is gone: rebinding, the end of the lease, and back',
  { timeout: 240_000 },
  async (t) => {
    await lab.serve(RANGE, ...QUICK);
    using container = await openScratchNamespace();
    const { ip } = await leases.acquire(ask(11));
    plumb(container, macOf(11), ip);
    await lab.stopServer();
    // dnsmasq gives two minutes at least; all else is as if it had given twelve seconds.
    const [renewAt, rebindAt, expiresAt] = [2, 6, 12].map((s) => Date.now() + 1000 * s) as [
      number,
      number,
      number,
    ];
    await restartWith(ip, { renewAt, rebindAt, expiresAt });
    await poll(() => Date.now() > rebindAt, 15_000);
    t.match(judgeDhcpLeases(leases.list(), Date.now()), [
      { level: 'warn', title: `DHCP server 192.0.2.1 does not renew the lease of ${ip}` },
    ]);
    await sleep(Math.max(0, expiresAt - Date.now() - 1000));
    t.same(kinds(), ['dhcp.lease'], 'not lost before its end');
    await poll(() => kinds().includes('dhcp.lost'), 10_000);
    t.ok(Date.now() >= expiresAt);
    t.match(record(ip).lost, { reason: 'it has ended, and no DHCP server answers' });
    await lab.serve(RANGE);
    await poll(() => record(ip).lost === undefined, 30_000);
    t.equal(served(macOf(11))?.ip, ip);
    await leases.release(POOL.id, ip);
  },
);
