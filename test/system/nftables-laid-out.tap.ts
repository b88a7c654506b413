import t from 'tap';
import { picksOf, planVips, VIP_TABLE, type VipTableShape, vipTable } from '../../balancer/index.ts';
import { diff } from '../../core/diff.ts';
import { hostState } from '../../core/kernel-objects.ts';
import type { NftTable } from '../../core/nft.ts';
import type { Backend } from '../../core/service.ts';
import { Conntrack } from '../../kernel/netlink/index.ts';
import { expectedOf, layOut, Nftables, tableObject } from '../../kernel/nftables/index.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';
import { serviceOf } from '../support/vip-scene.ts';

function table(shape: Partial<VipTableShape> = {}): NftTable {
  return vipTable({ family: 4, place: 'sandbox', timeouts: [], counted: 'connections', ...shape });
}

t.setTimeout(60_000);

t.test('a transaction that was laid out before', async (t) => {
  const shapes = [
    table({ picks: new Set(['plain-2']) }),
    table({ picks: new Set(['plain-2', 'mapped-3', 'plain-source']) }),
    table({ picks: new Set(['plain-2', 'mapped-3']), timeouts: [5, 60] }),
    table({ picks: new Set(), timeouts: [60] }),
    table(),
    table({ picks: new Set(['plain-2']) }),
  ];

  await t.test(
    'does the same in each namespace, and takes a table from any shape to any other',
    async (t) => {
      for (const place of [1, 2]) {
        using scratch = await openScratchNamespace();
        await using nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
        let before: readonly NftTable[] = [];
        for (const shape of shapes) {
          const was = before.map(tableObject);
          const laid = await layOut(diff(hostState([tableObject(shape)]), hostState(was)), before);
          await nft.commit(laid);
          const [found] = await nft.snapshot();
          t.match(
            found,
            { fingerprint: tableObject(shape).fingerprint },
            `namespace ${place}, ${laid.size} messages`,
          );
          before = [shape];
        }
        await nft.commit(await layOut(diff(new Map(), hostState(before.map(tableObject))), before));
        t.equal(scratch.run('nft list ruleset'), '');
      }
    },
  );

  await t.test('has no effect where the kernel holds something else', async (t) => {
    using scratch = await openScratchNamespace();
    await using nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
    const [shape = table()] = shapes;
    const creation = await layOut([{ op: 'create', object: tableObject(shape) }], []);
    scratch.run(`nft add table ip ${VIP_TABLE}`);
    t.throws(() => nft.commitNow(creation), { message: /create table ip weft-vip: .*EEXIST/ });
    await t.rejects(nft.commit(creation), { message: /EEXIST/ });
    scratch.run(`nft delete table ip ${VIP_TABLE}`);
    nft.commitNow(creation);
    const vip = {
      kind: 'element',
      family: 'ip',
      table: VIP_TABLE,
      set: 'vips',
      key: ['198.18.0.9'],
    } as const;
    const other = { ...vip, key: ['198.18.0.10'] };
    const both = await layOut(
      [
        { op: 'create', object: other },
        { op: 'delete', object: vip },
      ],
      [shape],
    );
    t.throws(() => nft.commitNow(both), { message: /ENOENT/ });
    t.notMatch(scratch.run(`nft list set ip ${VIP_TABLE} vips`), '198.18.0.10', 'nothing of it took effect');
  });

  await t.test('is counted by the kernel, like those of others', async (t) => {
    using scratch = await openScratchNamespace();
    await using nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
    const first = nft.generationNow() ?? 0;
    nft.commitNow(await layOut([{ op: 'create', object: tableObject(table()) }], []));
    t.equal(nft.generationNow(), first + 1);
    scratch.run('nft add table ip another');
    t.equal(nft.generationNow(), first + 2);
    t.equal(nft.commitNow(await layOut([], [])), true);
    t.equal(nft.generationNow(), first + 2, 'nothing to do is no transaction');
  });

  await t.test('waits for nothing: while the socket is in use it is not sent', async (t) => {
    using scratch = await openScratchNamespace();
    await using nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
    const creation = await layOut([{ op: 'create', object: tableObject(table()) }], []);
    const reading = nft.snapshot();
    t.equal(nft.commitNow(creation), false);
    t.equal(nft.generationNow(), undefined);
    await reading;
    t.ok(await poll(() => nft.commitNow(creation)));
  });

  await t.test(
    'sent from the thread pool: alone on its socket, and what is asked meanwhile waits',
    async (t) => {
      using scratch = await openScratchNamespace();
      const nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
      const shape = table();
      const creation = await layOut([{ op: 'create', object: tableObject(shape) }], []);
      const removal = await layOut([{ op: 'delete', object: tableObject(shape) }], [shape]);
      const sent = nft.commitAside(creation);
      t.equal(nft.commitAside(removal), undefined);
      t.equal(nft.commitNow(removal), false);
      t.equal(nft.generationNow(), undefined);
      const [, objects] = await Promise.all([sent, nft.snapshot()]);
      t.match(objects, [{ fingerprint: tableObject(shape).fingerprint }]);
      await t.rejects(async () => nft.commitAside(creation), {
        message: /create table ip weft-vip: .*EEXIST/,
      });
      t.equal((await nft.snapshot()).length, 1, 'after a refusal, answers belong to their questions');
      const last = nft.commitAside(removal);
      await nft[Symbol.asyncDispose]();
      await last;
      t.equal(
        scratch.run('nft list ruleset'),
        '',
        'what was under way was ended before its socket was closed',
      );
    },
  );

  await t.test('shares its socket with conntrack', async (t) => {
    using scratch = await openScratchNamespace();
    await using nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
    const conntrack = new Conntrack(nft.transport);
    t.equal(await conntrack.count(), 0);
    scratch.run(
      'conntrack -I -p udp -t 100 -s 198.18.0.9 -d 198.18.0.1 --sport 5 --dport 53 >/dev/null 2>&1',
    );
    t.equal(await conntrack.count(), 1);
    t.equal(
      await conntrack.forget([{ family: 4, protocol: 'udp', originalDestination: '198.18.0.1' as never }]),
      1,
    );
    t.equal(await conntrack.count(), 0);
  });

  await t.test('is recognised where it has taken effect, and any difference as well', async (t) => {
    using scratch = await openScratchNamespace();
    await using nft = await Nftables.open({ namespace: scratch.path, tables: [VIP_TABLE] });
    const backends = [1, 2].map(
      (n): Backend => ({
        ...{ endpoint: `e${n}` as never, node: 'h', weight: 1, state: 'ready' },
        ...{ ipv4: `198.18.0.${n}` as never, ipv6: `fd00::${n}` as never },
      }),
    );
    const ports = [{ protocol: 'tcp', port: 80, target: 8080 }] as const;
    const served = [
      { service: serviceOf(1, { ports, affinity: { timeoutSeconds: 60 } }), backends },
      { service: serviceOf(2), backends },
    ];
    const { tables, elements } = planVips(served, { place: 'host', counted: 'bytes' });
    const objects = [...tables.map(tableObject), ...elements];
    const expected = await expectedOf(tables.map(tableObject), elements);
    const nothing = await expectedOf([], []);
    const [vip, name] = [served[0]?.service.vip4, `ip ${VIP_TABLE}`];
    t.equal(await nft.holds(expected), false);
    t.equal(await nft.holds(nothing), true);
    await nft.commit(await layOut(diff(hostState(objects), new Map()), []));
    t.equal(await nft.holds(expected), true);
    t.equal(await nft.holds(nothing), false);
    for (const change of [
      `delete element ${name} vips { ${vip} }`,
      `add element ${name} vips { 198.18.0.77 }`,
      `delete element ${name} ring { ${vip} . 0x1 }; add element ${name} ring { ${vip} . 0x1 : 198.18.0.9 }`,
      `delete element ${name} echoes { ${vip} }; add element ${name} echoes { ${vip} : 9 }`,
      `delete element ${name} targets { tcp . ${vip} . 80 }`,
      `flush chain ${name} output`,
      `add chain ${name} more`,
      `delete table ip6 ${VIP_TABLE}`,
    ]) {
      scratch.run(`nft '${change}'`);
      t.equal(await nft.holds(expected), false, change);
      await nft.cleanup();
      await nft.commit(await layOut(diff(hostState(objects), new Map()), []));
      t.equal(await nft.holds(expected), true);
    }
    scratch.run(`nft 'add element ${name} clients { 198.18.0.7 . ${vip} timeout 10s : 198.18.0.1 }'`);
    t.equal(await nft.holds(expected), true, 'what rules put into a set is no difference');
  });

  t.test('names the chains that elements lead to', async (t) => {
    const service = serviceOf(1, { ports: [{ protocol: 'tcp', port: 80, target: 8080 }] });
    const backend = { endpoint: 'e' as never, node: 'h', weight: 1, state: 'ready' } as const;
    const { elements } = planVips([{ service, backends: [{ ...backend, ipv4: '198.18.0.2' as never }] }], {
      place: 'sandbox',
      counted: 'nothing',
    });
    const sizes = [1, 2, 3, 4];
    t.same(
      [...new Set(picksOf(elements))].sort(),
      ['mapped', 'plain'].flatMap((mapping) => sizes.map((size) => `${mapping}-${size}`)),
    );
  });
});
