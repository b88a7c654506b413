import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Conflict, InvalidArgument, type KernelError } from '../../core/errors.ts';
import type { ElementObject, KernelObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { NftFamily, NftTable } from '../../core/nft.ts';
import type { Step } from '../../core/ports.ts';
import type { NetlinkRequest } from '../../kernel/netlink/index.ts';
import { exampleElements, exampleTable } from '../../kernel/nftables/example-table.ts';
import {
  batchBegin,
  batchEnd,
  chainExists,
  dumpRules,
  encodeDeleteRule,
  encodeRule,
  Nftables,
  readGeneration,
  tableObject,
} from '../../kernel/nftables/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

const FAMILIES: readonly NftFamily[] = ['ip', 'ip6'];

function create(...objects: readonly KernelObject[]): readonly Step[] {
  return objects.map((object) => ({ op: 'create', object }));
}

function remove(...objects: readonly KernelObject[]): readonly Step[] {
  return objects.map((object) => ({ op: 'delete', object }));
}

function element(
  family: NftFamily,
  set: string,
  key: readonly string[],
  data?: readonly string[],
): ElementObject {
  return { kind: 'element', family, table: 'weft', set, key, ...(data && { data }) };
}

const texts = (objects: readonly KernelObject[]): readonly string[] =>
  objects
    .map((object) =>
      object.kind === 'element'
        ? `${keyOf(object)} = ${object.data?.join(' . ') ?? ''}`
        : `${keyOf(object)} ${object.kind === 'table' ? object.fingerprint : ''}`,
    )
    .sort();

/** The kernel's handles differ; everything else must be as nft would have made it. */
function ruleset(scratch: ScratchNamespace): unknown {
  return JSON.parse(scratch.run('nft -j list ruleset'), (name, value) =>
    name === 'handle' ? undefined : value,
  );
}

/** The commands with which test/golden/nftables/capture.sh makes the same. */
function byNft(scratch: ScratchNamespace, family: NftFamily): void {
  for (const stage of ['table', 'sets', 'chains', 'rules', 'add-elements']) {
    const file = new URL(`../golden/nftables/${family}-${stage}.hex`, import.meta.url);
    const commands = [...readFileSync(file, 'utf8').matchAll(/^# nft (add .*)$/gm)].map(([, text]) => text);
    scratch.run(`nft -f - <<'END'\n${commands.join('\n')}\nEND`);
  }
}

async function opened(scratch: ScratchNamespace, ...families: readonly NftFamily[]): Promise<Nftables> {
  const nft = await Nftables.open({ namespace: scratch.path, tables: ['weft'] });
  for (const family of families) {
    await nft.apply(create(tableObject(exampleTable(family)), ...exampleElements(family)));
  }
  return nft;
}

t.test('nft lists what we make exactly as what nft makes of the same', async (t) => {
  using ours = await openScratchNamespace();
  using theirs = await openScratchNamespace();
  await using nft = await opened(ours, 'ip', 'ip6');
  for (const family of FAMILIES) byNft(theirs, family);
  t.same(ruleset(ours), ruleset(theirs));
  t.equal(ours.run('nft list ruleset'), theirs.run('nft list ruleset'));
  t.match(ours.run('nft list ruleset'), /elements = \{ tcp \. 10\.0\.0\.1 \. 80 : 172\.18\.0\.2 \. 8080 \}/);

  const snapshot = await nft.snapshot();
  const wanted = FAMILIES.flatMap((family) => [
    tableObject(exampleTable(family)),
    ...exampleElements(family),
  ]);
  t.same(texts(snapshot), texts(wanted));

  await using other = await Nftables.open({ namespace: theirs.path, tables: ['weft'] });
  t.same(texts(await other.snapshot()), texts(wanted), 'and what nft made reads as the plan');
});

t.test('what nft lists can be given back to nft', async (t) => {
  using ours = await openScratchNamespace();
  using theirs = await openScratchNamespace();
  await using _nft = await opened(ours, 'ip', 'ip6');
  const listing = ours.run('nft list ruleset');
  theirs.run(`nft -f - <<'END'\n${listing}\nEND`);
  t.equal(theirs.run('nft list ruleset'), listing);
});

t.test('elements of every kind come, are replaced and go', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip', 'ip6');
  for (const family of FAMILIES) {
    const elements = exampleElements(family);
    const changed = elements
      .filter(({ set }) => set === 'ports_addr' || set === 'rulings' || set === 'zones')
      .map((was) => {
        const data = { ports_addr: [was.data?.[0] ?? '', '9'], rulings: ['return'], zones: ['8'] }[was.set];
        return { op: 'replace', was, object: { ...was, ...(data && { data }) } } as const;
      });
    await nft.apply(changed);
    const now = elements.map((old) => changed.find(({ was }) => was === old)?.object ?? old);
    t.same(
      texts((await nft.snapshot()).filter((object) => object.kind === 'element' && object.family === family)),
      texts(now),
    );
    await nft.apply(remove(...now));
    t.notMatch(scratch.run(`nft list table ${family} weft`), /elements/);
  }
});

t.test('every verdict is possible in a verdict map', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const verdicts = ['accept', 'drop', 'return', 'jump isolate', 'goto isolate'];
  await nft.apply(create(...verdicts.map((verdict, i) => element('ip', 'rulings', [`v${i}`], [verdict]))));
  const listing = scratch.run('nft list map ip weft rulings');
  for (const [i, verdict] of verdicts.entries()) t.match(listing, `"v${i}" : ${verdict}`);
});

t.test('intervals may touch each other and both ends of the address space', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip', 'ip6');
  const cases: readonly (readonly [NftFamily, readonly string[]])[] = [
    ['ip', ['0.0.0.0/8', '10.0.1.0/24', '10.0.2.0/23', '10.0.4.0/32', '128.0.0.0/1']],
    ['ip6', ['::/8', 'fd00:0:0:1::/64', 'fd00:0:0:2::/63', 'fd00:0:0:4::/128', 'ff00::/8']],
  ];
  for (const [family, nets] of cases) {
    const elements = nets.map((net) => element(family, 'subnets', [net]));
    await nft.apply(create(...elements));
    const first = exampleElements(family).filter(({ set }) => set === 'subnets');
    const read = async () =>
      texts(
        (await nft.snapshot()).filter(
          (object) => object.kind === 'element' && object.family === family && object.set === 'subnets',
        ),
      );
    t.same(await read(), texts([...elements, ...first]));
    t.match(scratch.run(`nft list set ${family} weft subnets`), nets[4]);
    for (const [i, gone] of elements.entries()) {
      await nft.apply(remove(gone));
      t.same(await read(), texts([...elements.slice(i + 1), ...first]), `without ${gone.key[0]}`);
    }
  }
  const all = element('ip', 'subnets', ['0.0.0.0/0']);
  await nft.apply([...remove(element('ip', 'subnets', ['10.0.0.0/24'])), ...create(all)]);
  t.ok((await nft.snapshot()).some((object) => keyOf(object) === keyOf(all)));
});

t.test('what is so already succeeds, what is otherwise does not', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const objects = [tableObject(exampleTable('ip')), ...exampleElements('ip')];
  const before = scratch.run('nft -a list ruleset');
  await nft.apply(create(...objects));
  t.equal(scratch.run('nft -a list ruleset'), before, 'creating all again changes nothing, not even handles');

  const absent = [5, 6, 7].map((n) => element('ip', 'bridges', [`br${n}`]));
  await nft.apply(remove(...absent));
  await nft.apply([...remove(...absent), ...create(element('ip', 'bridges', ['br9']))]);
  t.match(scratch.run('nft list set ip weft bridges'), 'br9', 'the rest of the transaction took effect');
  await nft.apply(remove(element('ip', 'no_such_set', ['x'])));
  await nft.apply(remove(element('ip6', 'bridges', ['x'])));
  await nft.apply(remove({ ...tableObject(exampleTable('ip6')) }));

  const other = element('ip', 'sources', ['eth1'], ['10.9.9.9']);
  await t.rejects(nft.apply(create(other, element('ip', 'bridges', ['br10']))), {
    name: 'KernelError',
    errno: 'EEXIST',
  } as KernelError);
  t.notMatch(scratch.run('nft list set ip weft bridges'), 'br10', 'nothing of it took effect');
  await nft.apply([{ op: 'replace', was: other, object: other }]);
  t.match(scratch.run('nft list map ip weft sources'), '"eth1" : 10.9.9.9');
  await nft.apply([{ op: 'replace', was: other, object: element('ip', 'sources', ['eth7'], ['10.0.0.7']) }]);
  t.match(scratch.run('nft list map ip weft sources'), '"eth7" : 10.0.0.7', 'replacing what is gone adds it');

  await t.rejects(nft.apply(create(element('ip', 'no_such_set', ['x']))), { errno: 'ENOENT' } as KernelError);
  await t.rejects(nft.apply(create(element('ip', 'rulings', ['z'], ['jump nowhere']))), {
    errno: 'ENOENT',
  } as KernelError);
  await t.rejects(nft.apply(create(element('ip', 'sources', ['eth2'], ['fd00::1']))), InvalidArgument);
  await t.rejects(nft.apply(create(element('ip', 'bridges', ['a-name-of-more-than-15']))), InvalidArgument);
});

t.test('calls of one turn are one transaction and fail each for itself', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const add = (n: number) => nft.apply(create(element('ip', 'bridges', [`br${n}`])));
  const before = await readGeneration(nft.transport);
  await Promise.all([add(10), add(11), add(12), nft.apply(remove(element('ip', 'bridges', ['wb-abc'])))]);
  t.equal(await readGeneration(nft.transport), before + 1);
  const results = await Promise.allSettled([
    add(1),
    nft.apply(create(element('ip', 'sources', ['eth1'], ['10.9.9.9']))),
    add(2),
    nft.apply(create(element('ip', 'rulings', ['z'], ['goto nowhere']))),
    nft.apply(remove(element('ip', 'bridges', ['gone']))),
    nft.apply([]),
  ]);
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  t.match(scratch.run('nft list set ip weft bridges'), /"br1".*"br2"|"br2".*"br1"/s);

  const one = element('ip', 'sources', ['eth5'], ['10.0.0.5']);
  const two = element('ip', 'sources', ['eth5'], ['10.0.0.6']);
  const [first, second, third] = await Promise.allSettled([
    nft.apply(create(one)),
    nft.apply(create(two)),
    nft.apply(remove(one)),
  ]);
  t.same([first?.status, second?.status, third?.status], ['fulfilled', 'rejected', 'fulfilled']);
  t.notOk(second?.status === 'rejected' && second.reason instanceof Conflict, 'the kernel had the last word');
});

t.test('replacing a table keeps the elements of sets that stay', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const table = exampleTable('ip');
  const [isolate, ...chains] = table.chains;
  if (isolate === undefined) throw new Error('the example has no chains');
  const next: NftTable = {
    ...table,
    sets: [
      ...table.sets.filter(({ name }) => name !== 'marks' && name !== 'bridges'),
      { name: 'bridges', key: ['ifname'], data: ['mark'] },
      { name: 'fresh', key: ['inet_service'] },
    ],
    chains: [
      { name: 'fresh', rules: [] },
      isolate,
      ...chains
        .filter(({ name }) => name !== 'raw-prerouting')
        .map((chain) =>
          chain.base?.hook === 'forward'
            ? { ...chain, base: { ...chain.base, policy: 'drop' as const }, rules: chain.rules.slice(1) }
            : chain.base?.hook === 'output'
              ? { ...chain, base: { ...chain.base, priority: -90 } }
              : chain,
        ),
    ],
  };
  const was = tableObject(table);
  await nft.apply([{ op: 'replace', was, object: tableObject(next) }]);
  const kept = exampleElements('ip').filter(({ set }) => set !== 'marks' && set !== 'bridges');
  t.same(texts(await nft.snapshot()), texts([tableObject(next), ...kept]));
  t.match(scratch.run('nft list chain ip weft forward'), 'policy drop');
  t.match(scratch.run('nft list chain ip weft nat-output'), '-90');
  t.notMatch(scratch.run('nft list chains ip'), 'raw-prerouting');

  // Back again, with elements of the sets that are made anew, in one call.
  const back = exampleElements('ip').filter(({ set }) => set === 'marks' || set === 'bridges');
  await nft.apply([{ op: 'replace', was: tableObject(next), object: was }, ...create(...back)]);
  t.same(texts(await nft.snapshot()), texts([was, ...exampleElements('ip')]));
});

t.test('a chain goes together with the elements that jump to it', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const table = exampleTable('ip');
  const more = { ...table, chains: [{ name: 'extra', rules: [] }, ...table.chains] };
  const jump = element('ip', 'rulings', ['z'], ['jump extra']);
  await nft.apply([{ op: 'replace', was: tableObject(table), object: tableObject(more) }, ...create(jump)]);
  t.match(scratch.run('nft list map ip weft rulings'), 'jump extra');
  await nft.apply([{ op: 'replace', was: tableObject(more), object: tableObject(table) }, ...remove(jump)]);
  t.same(texts(await nft.snapshot()), texts([tableObject(table), ...exampleElements('ip')]));
});

t.test('cleanup takes our tables and no others', async (t) => {
  using scratch = await openScratchNamespace();
  scratch.run('nft add table ip other; nft add table inet weft');
  await using nft = await opened(scratch, 'ip', 'ip6');
  await nft.cleanup();
  t.same(await nft.snapshot(), []);
  t.equal(scratch.run('nft list tables'), 'table ip other\ntable inet weft\n');
  await nft.cleanup();
});

t.test('a commit of another process is a hint, our own is none', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  let hints = 0;
  await using _watch = nft.watch(() => hints++);
  const until = async (count: number) => {
    const deadline = performance.now() + 5000;
    while (hints < count && performance.now() < deadline) await sleep(5);
  };
  scratch.run('nft add element ip weft bridges { foreign1 }');
  await until(1);
  t.equal(hints, 1);
  for (let n = 0; n < 20; n++) await nft.apply(create(element('ip', 'bridges', [`own${n}`])));
  scratch.run('nft delete element ip weft bridges { foreign1 }');
  await until(2);
  t.equal(hints, 2, 'events come in order, so ours were seen and not reported');
});

t.test('rules in a table of iptables-nft, which can still list it', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await Nftables.open({ namespace: scratch.path, tables: ['weft'] });
  const { transport } = nft;
  for (const [family, iptables] of [
    ['ip', 'iptables'],
    ['ip6', 'ip6tables'],
  ] as const) {
    const address = { family, table: 'filter', chain: 'DOCKER-USER' };
    t.equal(await chainExists(transport, family, 'filter', 'DOCKER-USER'), false);
    t.same(await dumpRules(transport, family, 'filter', 'DOCKER-USER'), []);
    const commit = (...changes: readonly NetlinkRequest[]) =>
      transport.batch([batchBegin(), ...changes, batchEnd()]);
    const enoent = { errno: 'ENOENT' } as KernelError;
    await t.rejects(commit(encodeRule(address, { comment: 'x', exprs: [] })), enoent);
    scratch.run(`${iptables} -N DOCKER-USER; ${iptables} -A DOCKER-USER -p tcp -j RETURN`);
    t.equal(await chainExists(transport, family, 'filter', 'DOCKER-USER'), true);
    const rule = {
      comment: 'weft: accept',
      exprs: [
        { expr: 'meta', key: 'iifname', dreg: 0 },
        { expr: 'cmp', op: 'eq', sreg: 0, data: Buffer.from('wb-') },
        { expr: 'counter' },
        { expr: 'verdict', verdict: { kind: 'accept' } },
      ],
    } as const;
    const [foreign] = await dumpRules(transport, family, 'filter', 'DOCKER-USER');
    const before = foreign?.handle ?? 0n;
    await commit(
      encodeRule(address, rule, { before }),
      encodeRule(address, { ...rule, comment: 'weft: second' }, { before }),
      encodeRule(address, { ...rule, comment: 'weft: last' }),
    );
    const accept = (comment: string) =>
      `-A DOCKER-USER -i wb-+ -m comment --comment "weft: ${comment}" -j ACCEPT`;
    t.same(scratch.run(`${iptables} -S DOCKER-USER`).trim().split('\n'), [
      '-N DOCKER-USER',
      accept('accept'),
      accept('second'),
      '-A DOCKER-USER -p tcp -j RETURN',
      accept('last'),
    ]);
    const [first, , third] = await dumpRules(transport, family, 'filter', 'DOCKER-USER');
    t.equal(first?.comment, rule.comment);
    t.same(
      first?.exprs.map(({ expr }) => expr),
      ['meta', 'cmp', 'counter', 'verdict'],
    );
    t.equal(third?.comment, undefined);
    const gone = first?.handle ?? 0n;
    await commit(encodeDeleteRule(address, gone));
    t.equal((await dumpRules(transport, family, 'filter', 'DOCKER-USER')).length, 3);
    await t.rejects(commit(encodeDeleteRule(address, gone)), enoent);
    await t.rejects(commit(encodeRule(address, rule, { before: gone })), enoent);
  }
});
