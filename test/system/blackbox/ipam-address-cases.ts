import type { Test } from 'tap';
import { poll } from '../../support/poll.ts';
import {
  addressError,
  GATEWAY,
  poolDetail,
  poolError,
  releaseAddress,
  requestAddress,
  requestPool,
} from './ipam-requests.ts';
import type { Case, Scene } from './weftd-suite.ts';

const MAC = 'com.docker.network.endpoint.macaddress';
const NAME = 'com.docker.network.endpoint.name';

async function gateways(t: Test, { weftd }: Scene): Promise<void> {
  const auto = await requestPool(weftd, { pool: '10.81.0.0/24' });
  t.equal(await requestAddress(weftd, auto.id, '', GATEWAY), '10.81.0.1/24', 'automatic: the first');
  t.match(await poolDetail(weftd, auto.id), { gateway: '10.81.0.1' });
  const explicit = await requestPool(weftd, { pool: '10.82.0.0/24' });
  t.equal(await requestAddress(weftd, explicit.id, '10.82.0.254', GATEWAY), '10.82.0.254/24', 'explicit');
  t.equal(await requestAddress(weftd, explicit.id), '10.82.0.1/24', 'the first is then an endpoint’s');
  t.match(
    await addressError(weftd, explicit.id, '10.82.0.254', GATEWAY),
    /gateway address 10\.82\.0\.254 of pool 10\.82\.0\.0\/24 is in use by the gateway/,
    'taken already',
  );
  t.match(
    await addressError(weftd, explicit.id, '10.82.0.254'),
    /address 10\.82\.0\.254 .* in use by the gateway/,
  );
  t.match(
    await addressError(weftd, explicit.id, '10.83.0.1', GATEWAY),
    /address 10\.83\.0\.1 is not in pool 10\.82\.0\.0\/24/,
  );
  t.match(await addressError(weftd, explicit.id, '10.82.0.255', GATEWAY), /is the broadcast address/);
  const taken = await requestPool(weftd, { pool: '10.84.0.0/24' });
  await requestAddress(weftd, taken.id, '10.84.0.1');
  t.equal(
    await requestAddress(weftd, taken.id, '', GATEWAY),
    '10.84.0.2/24',
    'automatic, the first taken: the next',
  );
  const six = await requestPool(weftd, { pool: 'fd00:81::/64' });
  t.equal(await requestAddress(weftd, six.id, '', GATEWAY), 'fd00:81::1/64');
}

async function exhaustion(t: Test, { weftd }: Scene): Promise<void> {
  const { id } = await requestPool(weftd, { pool: '10.85.0.0/29' });
  await requestAddress(weftd, id, '', GATEWAY);
  const first = await requestAddress(weftd, id);
  await releaseAddress(weftd, id, first);
  t.not(await requestAddress(weftd, id), first, 'not the one just released');
  for (let held = 2; held < 5; held++) await requestAddress(weftd, id);
  t.match(
    await addressError(weftd, id),
    /^pool 10\.85\.0\.0\/29 is full: 5 of 6 usable addresses in use \(4 endpoints, 1 gateway\), 1 resting, the first free in \d+ s$/,
  );
  const again = await poll(async () => {
    const answer = await weftd.tryIpam('RequestAddress', { PoolID: id, Address: '', Options: null });
    return answer.status === 200 ? String(answer.json?.['Address']) : undefined;
  });
  t.equal(again, first, 'after its rest it comes again');
  t.match(
    await addressError(weftd, id),
    /is full: 6 of 6 usable addresses in use \(5 endpoints, 1 gateway\), 0 resting$/,
  );
  const tiny = await requestPool(weftd, { pool: '10.85.1.0/31' });
  t.same(
    [await requestAddress(weftd, tiny.id), await requestAddress(weftd, tiny.id)],
    ['10.85.1.0/31', '10.85.1.1/31'],
  );
  const single = await requestPool(weftd, { pool: '10.85.2.7/32' });
  t.equal(await requestAddress(weftd, single.id), '10.85.2.7/32');
  t.match(await addressError(weftd, single.id), /is full: 1 of 1/);
}

async function largePools(t: Test, { weftd }: Scene): Promise<void> {
  for (const [pool, first] of [
    ['fd00:86::/64', 'fd00:86::1/64'],
    ['fd00:87::/48', 'fd00:87::1/48'],
    ['fd10::/12', 'fd10::1/12'],
    ['2001:db8::/32', '2001:db8::1/32'],
  ] as const) {
    const started = performance.now();
    const { id } = await requestPool(weftd, { pool });
    const all = await Promise.all(Array.from({ length: 50 }, () => requestAddress(weftd, id)));
    t.equal(new Set(all).size, 50, pool);
    t.ok(all.includes(first));
    const last = pool.startsWith('fd00:86') ? 'fd00:86::ffff:ffff:ffff:ffff' : undefined;
    if (last !== undefined) t.equal(await requestAddress(weftd, id, last), `${last}/64`, 'the very last');
    t.ok(
      performance.now() - started < 2000,
      `nothing is enumerated: ${Math.round(performance.now() - started)} ms`,
    );
  }
  const memory = await requestPool(weftd, { pool: '11.0.0.0/8' });
  t.equal(await requestAddress(weftd, memory.id), '11.0.0.1/8');
}

async function macOption(t: Test, { weftd }: Scene): Promise<void> {
  t.match(await weftd.ipam('GetCapabilities'), { RequiresMACAddress: false, RequiresRequestReplay: false });
  const { id } = await requestPool(weftd, { pool: '10.88.0.0/24' });
  const options = { [MAC]: '02:42:0a:58:00:63', [NAME]: 'web' };
  const address = await requestAddress(weftd, id, '', options);
  t.match((await poolDetail(weftd, id)).leases, [
    { address: address.split('/')[0], mac: '02:42:0a:58:00:63', name: 'web' },
  ]);
  t.match(
    await addressError(weftd, id, '', { [MAC]: 'not-a-mac' }),
    /macaddress "not-a-mac" is not a MAC address/,
  );
  t.equal((await poolDetail(weftd, id)).used, 1);
}

async function anyOptions(t: Test, { weftd }: Scene): Promise<void> {
  const pools = [];
  for (const options of [
    null,
    {},
    { 'x.unknown': 'y', '': undefined },
    { RequestAddressType: 'what' },
    undefined,
  ]) {
    const { id } = await requestPool(weftd, { ...(options === undefined ? {} : { options }) });
    pools.push(id);
    t.match(await requestAddress(weftd, id, '', options ?? null), /\/\d+$/);
    t.match(await requestAddress(weftd, id, '', { ...options, 'y.unknown': 'z' }), /\/\d+$/);
  }
  t.equal(new Set(pools).size, 5);
  const bare = await weftd.ipam('RequestPool', { AddressSpace: 'WeftLocal' });
  t.match(bare, { PoolID: /^WeftLocal\// }, 'fields may be absent');
  t.match(await weftd.ipam('RequestAddress', { PoolID: bare['PoolID'] }), { Address: /\// });
  t.match(await poolError(weftd, { space: 'Elsewhere' }), /address space "Elsewhere" is not known: expected/);
}

async function twice(t: Test, { weftd }: Scene): Promise<void> {
  const { id } = await requestPool(weftd, { pool: '10.89.0.0/24' });
  await requestAddress(weftd, id, '10.89.0.9', { [NAME]: 'db' });
  t.match(
    await addressError(weftd, id, '10.89.0.9'),
    /address 10\.89\.0\.9 of pool 10\.89\.0\.0\/24 is in use by endpoint db/,
  );
  t.match(
    await addressError(weftd, id, '10.89.0.9', { [NAME]: 'db' }),
    /in use by endpoint db/,
    'by the same name too',
  );
  const racing = await Promise.all(
    Array.from({ length: 8 }, () =>
      weftd.tryIpam('RequestAddress', { PoolID: id, Address: '10.89.0.10', Options: {} }),
    ),
  );
  t.equal(racing.filter(({ status }) => status === 200).length, 1, 'of eight at once one gets it');
  await releaseAddress(weftd, id, '10.89.0.9');
  t.equal(
    await requestAddress(weftd, id, '10.89.0.9'),
    '10.89.0.9/24',
    'released, it can be asked for at once',
  );
}

/** Cases about addresses. */
export const ipamAddressCases: Readonly<Record<string, Case>> = {
  'I6 gateway auto/explicit/already taken': gateways,
  'I9 exhaustion error text, reuse order (not immediately the last freed)': exhaustion,
  'I10 IPv6 pools up to /64 and larger, no enumeration': largePools,
  'I11 MAC option': macOption,
  'I13 Options null, {}, unknown keys': anyOptions,
  'I14 identical explicit address twice: error': twice,
};
