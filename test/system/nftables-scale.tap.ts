import t from 'tap';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftFamily } from '../../core/nft.ts';
import { exampleTable } from '../../kernel/nftables/example-table.ts';
import { Nftables, readGeneration, tableObject } from '../../kernel/nftables/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

const COUNT = 5000;
const WINDOW = 100;
const SNAPSHOTS = 1000;

function published(family: NftFamily, n: number): ElementObject {
  const [host, to] = family === 'ip' ? ['10.0.0.1', '172.18.0.2'] : ['fd00::1', 'fd01::2'];
  return {
    kind: 'element',
    family,
    table: 'weft',
    set: 'ports_addr',
    key: ['tcp', host, String(10_000 + n)],
    data: [to, String(n + 1)],
  };
}

async function opened(scratch: ScratchNamespace, family: NftFamily): Promise<Nftables> {
  const nft = await Nftables.open({ namespace: scratch.path, tables: ['weft'] });
  const object = tableObject(exampleTable(family));
  await nft.apply([{ op: 'create', object }]);
  return nft;
}

function countOf(scratch: ScratchNamespace, family: NftFamily): number {
  return scratch.run(`nft list map ${family} weft ports_addr`).match(/tcp \. /g)?.length ?? 0;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

t.test(`${COUNT} elements in one call, and gone in one`, async (t) => {
  for (const family of ['ip', 'ip6'] as const) {
    using scratch = await openScratchNamespace();
    await using nft = await opened(scratch, family);
    const elements = Array.from({ length: COUNT }, (_, n) => published(family, n));
    const add = await timed(() => nft.apply(elements.map((object) => ({ op: 'create', object }) as const)));
    t.equal(countOf(scratch, family), COUNT);
    const read = await timed(() => nft.snapshot());
    const remove = await timed(() =>
      nft.apply(elements.map((object) => ({ op: 'delete', object }) as const)),
    );
    t.equal(countOf(scratch, family), 0);
    // Deleting all again finds each one gone.
    await nft.apply(elements.map((object) => ({ op: 'delete', object }) as const));
    t.comment(
      `${family}: ${COUNT} added in ${add.toFixed(0)} ms, read in ${read.toFixed(0)} ms, deleted in ${remove.toFixed(0)} ms`,
    );
  }
});

t.test(`${COUNT} calls in one turn are one transaction`, async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const before = await readGeneration(nft.transport);
  const took = await timed(() =>
    Promise.all(
      Array.from({ length: COUNT }, (_, n) => nft.apply([{ op: 'create', object: published('ip', n) }])),
    ),
  );
  t.equal(await readGeneration(nft.transport), before + 1);
  t.equal(countOf(scratch, 'ip'), COUNT);
  t.comment(`${COUNT} calls of one turn took ${took.toFixed(0)} ms`);
});

t.test(`${COUNT} calls in turns of their own cost the same first and last`, async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  const times: number[] = [];
  const total = await timed(async () => {
    for (let n = 0; n < COUNT; n++) {
      times.push(await timed(() => nft.apply([{ op: 'create', object: published('ip', n) }])));
    }
  });
  t.equal(countOf(scratch, 'ip'), COUNT);
  const first = median(times.slice(WINDOW, 2 * WINDOW));
  const last = median(times.slice(-WINDOW));
  t.comment(
    `${COUNT} calls took ${total.toFixed(0)} ms; median of calls ${WINDOW}–${2 * WINDOW} ${first.toFixed(3)} ms, of the last ${WINDOW} ${last.toFixed(3)} ms; call 5 ${times[4]?.toFixed(3)} ms`,
  );
  t.ok(last < 3 * first + 0.2, 'the cost of one does not grow with how many there are');
});

t.test('many snapshots one after the other', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await opened(scratch, 'ip');
  await nft.apply([{ op: 'create', object: published('ip', 1) }]);
  const expected = await nft.snapshot();
  const took = await timed(async () => {
    for (let n = 0; n < SNAPSHOTS; n++) {
      if ((await nft.snapshot()).length !== expected.length) t.fail('a snapshot differs');
    }
  });
  t.equal(expected.length, 2);
  t.comment(`${SNAPSHOTS} snapshots took ${took.toFixed(0)} ms`);
});
