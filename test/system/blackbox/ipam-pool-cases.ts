import type { Test } from 'tap';
import {
  addressError,
  GATEWAY,
  GLOBAL,
  LOCAL,
  poolDetail,
  poolError,
  releaseAddress,
  releasePool,
  requestAddress,
  requestPool,
} from './ipam-requests.ts';
import { host } from './sandbox.ts';
import type { Case, Scene } from './weftd-suite.ts';

async function repeats(t: Test, { weftd }: Scene): Promise<void> {
  const serial = { 'com.docker.network.ipam.serial': 'true' };
  const held = await requestPool(weftd, { pool: '10.71.0.0/24', space: GLOBAL, options: null });
  const gateway = { ...GATEWAY, ...serial };
  t.equal(await requestAddress(weftd, held.id, '10.71.0.1', gateway), '10.71.0.1/24');
  t.equal(await requestAddress(weftd, held.id, '10.71.0.9', serial), '10.71.0.9/24');
  await weftd.restart('SIGKILL');
  t.same(
    await requestPool(weftd, { pool: '10.71.0.0/24', space: GLOBAL, options: null }),
    held,
    'the same PoolID',
  );
  t.equal(await requestAddress(weftd, held.id, '10.71.0.1', gateway), '10.71.0.1/24', 'the gateway again');
  t.equal(await requestAddress(weftd, held.id, '10.71.0.9', serial), '10.71.0.9/24', 'the address again');
  t.equal((await poolDetail(weftd, held.id)).used, 2, 'and each is held once');
  const local = await requestPool(weftd, { pool: '10.72.0.0/24' });
  t.match(
    await poolError(weftd, { pool: '10.72.0.0/24' }),
    /subnet 10\.72\.0\.0\/24 overlaps/,
    'a user’s repeat is none',
  );
  await requestPool(weftd, { pool: '10.72.0.0/24', options: null });
  t.equal(await requestAddress(weftd, local.id, '', GATEWAY), '10.72.0.1/24');
  t.equal(
    await requestAddress(weftd, local.id, '10.72.0.1', GATEWAY),
    '10.72.0.1/24',
    'a node asks again without mark',
  );
}

async function automatic(t: Test, { weftd }: Scene): Promise<void> {
  const pools = [];
  for (let i = 0; i < 40; i++) pools.push(await requestPool(weftd, {}));
  t.equal(new Set(pools.map(({ pool }) => pool)).size, 40, 'all differ');
  const [third] = pools.splice(2, 1);
  await releasePool(weftd, third?.id ?? '');
  t.equal((await requestPool(weftd, {})).pool, third?.pool, 'a released one can come again');
  const six = [await requestPool(weftd, { v6: true }), await requestPool(weftd, { v6: true })];
  t.not(six[0]?.pool, six[1]?.pool);
  for (const { pool } of six) t.match(pool, /^fd[0-9a-f:]+\/64$/, 'IPv6 ones are ULA /64');
  const at = await Promise.all(Array.from({ length: 12 }, () => requestPool(weftd, {})));
  t.equal(new Set(at.map(({ pool }) => pool)).size, 12, 'twelve at once differ too');
}

async function hostRoutes(t: Test, { weftd }: Scene): Promise<void> {
  const plain = await requestPool(weftd, {});
  await releasePool(weftd, plain.id);
  host.run(`ip route add ${plain.pool} via 192.0.2.2; ip -6 route add fd00:1b::/64 via fd00:1a::2`);
  try {
    const { pool } = await requestPool(weftd, {});
    t.not(pool, plain.pool, 'the first choice is routed by the host now');
    const listed = host.run('ip -j route');
    t.notMatch(listed, pool);
    const [, base = ''] = /^(\d+\.\d+)\./.exec(plain.pool) ?? [];
    host.run(`ip route add ${base}.0.0/16 via 192.0.2.2`);
    t.notMatch((await requestPool(weftd, {})).pool, `${base}.`, 'nor inside a larger route');
    t.match(
      await poolError(weftd, { pool: plain.pool }),
      /overlaps this host's route .* dev lan0/,
      'an explicit one is refused',
    );
    t.match(
      await poolError(weftd, { pool: 'fd00:1b::/80' }),
      /overlaps this host's route fd00:1b::\/64 dev lan0/,
    );
    t.match(
      await poolError(weftd, { pool: '192.0.2.128/25' }),
      /overlaps this host's route 192\.0\.2\.0\/24/,
    );
    const lan = await requestPool(weftd, { pool: '192.0.2.0/24', options: { 'weft.parent': 'lan0' } });
    t.equal(lan.pool, '192.0.2.0/24', 'but the LAN of the parent named is wanted');
    host.run(`ip route del ${base}.0.0/16`);
  } finally {
    host.run(`ip route del ${plain.pool}; ip -6 route del fd00:1b::/64`);
  }
  t.equal(
    (await requestPool(weftd, { pool: plain.pool })).pool,
    plain.pool,
    'free again once the route is gone',
  );
}

async function bySize(t: Test, { weftd }: Scene): Promise<void> {
  const one = await requestPool(weftd, { pool: '0.0.0.0/26' });
  const two = await requestPool(weftd, { pool: '0.0.0.0/26' });
  for (const { pool } of [one, two]) t.match(pool, /^(10|172|192)\.[\d.]+\/26$/);
  t.not(one.pool, two.pool);
  t.not(await requestAddress(weftd, one.id), '0.0.0.1/26');
  const six = await requestPool(weftd, { pool: '::/80' });
  t.match(six.pool, /^fd[0-9a-f:]+\/80$/);
  t.match(await requestAddress(weftd, six.id), /^fd[0-9a-f:]+\/80$/);
  t.match(await poolError(weftd, { pool: '::/8' }), /no pool of size \/8 fits/);
}

async function duplicates(t: Test, { weftd }: Scene): Promise<void> {
  const first = await requestPool(weftd, { pool: '10.73.0.0/24' });
  t.equal(first.id, `${LOCAL}/10.73.0.0/24`, 'the id says space and subnet');
  for (const pool of ['10.73.0.0/24', '10.73.0.128/25', '10.73.0.0/16']) {
    t.match(await poolError(weftd, { pool }), `subnet ${pool} overlaps pool 10.73.0.0/24`, pool);
  }
  const other = await requestPool(weftd, { pool: '10.73.0.0/24', space: GLOBAL });
  t.not(other.id, first.id, 'in another space it is another pool');
  await requestAddress(weftd, first.id, '10.73.0.5');
  t.equal(await requestAddress(weftd, other.id, '10.73.0.5'), '10.73.0.5/24', 'with addresses of its own');
  await releasePool(weftd, first.id);
  t.equal((await poolDetail(weftd, other.id)).used, 1, 'and a life of its own');
}

async function subPools(t: Test, { weftd }: Scene): Promise<void> {
  const { id } = await requestPool(weftd, { pool: '10.74.0.0/16', subPool: '10.74.5.0/29' });
  t.equal(
    await requestAddress(weftd, id, '', GATEWAY),
    '10.74.0.1/16',
    'the gateway is the first of the pool',
  );
  t.equal(
    await requestAddress(weftd, id, '10.74.200.7'),
    '10.74.200.7/16',
    'an auxiliary address outside is accepted',
  );
  const chosen = [];
  for (let i = 0; i < 8; i++) chosen.push(await requestAddress(weftd, id));
  t.same(
    chosen.sort(),
    Array.from({ length: 8 }, (_, i) => `10.74.5.${i}/16`),
    'automatic ones are of the range',
  );
  t.match(
    await addressError(weftd, id),
    /ip-range 10\.74\.5\.0\/29 of pool 10\.74\.0\.0\/16 is full: 8 of 8/,
  );
  t.equal(await requestAddress(weftd, id, '10.74.9.9'), '10.74.9.9/16', 'explicit ones need not be');
  t.match(
    await poolError(weftd, { pool: '10.75.0.0/24', subPool: '10.76.0.0/25' }),
    /ip-range 10\.76\.0\.0\/25 is not within/,
  );
  t.match(await poolError(weftd, { subPool: '10.76.0.0/25' }), /ip-range 10\.76\.0\.0\/25 needs a subnet/);
}

async function releasesAll(t: Test, { weftd }: Scene): Promise<void> {
  const { id } = await requestPool(weftd, { pool: '10.77.0.0/22' });
  await Promise.all(Array.from({ length: 300 }, () => requestAddress(weftd, id)));
  t.equal((await poolDetail(weftd, id)).used, 300);
  t.same(await releasePool(weftd, id), {});
  t.same(await weftd.control('/v1/ipam'), []);
  t.same(
    Object.keys(weftd.records()).filter((key) => key.includes('10.77.')),
    [],
    'the store too',
  );
  t.match(await addressError(weftd, id), /pool "WeftLocal\/10\.77\.0\.0\/22" is not held here/);
  await requestPool(weftd, { pool: '10.77.0.0/22' });
  t.equal((await poolDetail(weftd, id)).used, 0, 'asked for again it is empty');
  t.equal(await requestAddress(weftd, id), '10.77.0.1/22', 'and nothing rests');
}

async function releasesRepeat(t: Test, { weftd }: Scene): Promise<void> {
  t.same(await releasePool(weftd, 'WeftLocal/10.9.9.0/24'), {}, 'an unknown pool');
  t.same(await releasePool(weftd, 'nonsense'), {}, 'one that weft cannot have given');
  t.same(await releaseAddress(weftd, 'WeftLocal/10.9.9.0/24', '10.9.9.1'), {}, 'an address of it');
  const { id } = await requestPool(weftd, { pool: '10.78.0.0/24' });
  t.same(await releaseAddress(weftd, id, '10.78.0.7'), {}, 'an address never asked for');
  t.same(await releaseAddress(weftd, id, '10.99.0.7'), {}, 'and one of elsewhere');
  const address = await requestAddress(weftd, id);
  t.same(await releaseAddress(weftd, id, address), {});
  t.same(await releaseAddress(weftd, id, address), {}, 'twice');
  t.same(await releasePool(weftd, id), {});
  t.same(await releasePool(weftd, id), {}, 'the pool twice');
}

/** Cases about pools. */
export const ipamPoolCases: Readonly<Record<string, Case>> = {
  'I0 repeat of explicit pool/address accepted with Options:null/ipam.serial, same PoolID': repeats,
  'I1 automatic pools differ until released': automatic,
  'I2 no overlap with host routes': hostRoutes,
  'I3 0.0.0.0/26, ::/80 size requests': bySize,
  'I4 explicit pool duplicates in same/different space': duplicates,
  'I5 SubPool restricts automatic addresses only; aux outside accepted': subPools,
  'I7 release unknown/twice ok': releasesRepeat,
  'I8 ReleasePool frees everything': releasesAll,
};
