import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import type { ElementObject, TableObject } from '../../core/kernel-objects.ts';
import type { NftFamily } from '../../core/nft.ts';
import { exampleElements, exampleTable } from '../../kernel/nftables/example-table.ts';
import { Nftables, tableObject } from '../../kernel/nftables/index.ts';
import { PATIENCE } from '../support/patience.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';

const FAMILIES: readonly NftFamily[] = ['ip', 'ip6'];

function wanted(family: NftFamily): TableObject {
  return tableObject(exampleTable(family));
}

async function fingerprintOf(nft: Nftables, family: NftFamily): Promise<string | undefined> {
  for (const object of await nft.snapshot()) {
    if (object.kind === 'table' && object.family === family) return object.fingerprint;
  }
  return undefined;
}

/** A listing with its sets and chains sorted, for a set made anew comes last. */
const blocks = (listing: string): string =>
  listing
    .split('\n\n')
    .map((block) => block.replace(/^table.*\n|^}\n*/gm, '').trim())
    .sort()
    .join('\n\n');

/** HANDLE stands for the handle of the rule whose comment follows it. */
const DRIFTS: readonly (readonly [what: string, command: string])[] = [
  ['a flushed chain', 'flush chain T forward'],
  ['a flushed table', 'flush table T'],
  ['a deleted rule', 'delete rule T forward HANDLE(pairs)'],
  ['an extra rule at the end', 'add rule T forward counter'],
  ['an extra rule at the beginning', 'insert rule T forward accept comment "pairs"'],
  ['an edited rule', 'replace rule T forward HANDLE(pairs) iifname . oifname @pairs accept comment "pairs"'],
  [
    'an edited comment',
    'replace rule T forward HANDLE(pairs) iifname . oifname @pairs return comment "Pairs"',
  ],
  [
    'a rule with a flag that weft never sets',
    'replace rule T nat-postrouting HANDLE(masquerade subnets) F saddr @subnets F daddr != @subnets masquerade random comment "masquerade subnets"',
  ],
  [
    'rules in another order',
    'delete rule T forward HANDLE(pairs)\nadd rule T forward iifname . oifname @pairs return comment "pairs"',
  ],
  ['a rule of another make', 'add rule T forward limit rate 5/second drop comment "low ports"'],
  ['a changed policy', 'chain T forward { policy drop; }'],
  ['an extra chain', 'add chain T extra'],
  ['an extra base chain', 'add chain T extra { type filter hook input priority 0; policy drop; }'],
  ['a deleted chain', 'flush chain T nat-output\ndelete chain T nat-output'],
  ['an extra set', 'add set T extra { type inet_service; }'],
  ['a deleted set', 'delete rule T raw-prerouting HANDLE(replies with a known mark)\ndelete set T marks'],
  [
    'a set of another type',
    'delete rule T raw-prerouting HANDLE(replies with a known mark)\ndelete set T marks\nadd set T marks { type inet_service; }',
  ],
  [
    'a set with a timeout',
    'delete rule T raw-prerouting HANDLE(replies with a known mark)\ndelete set T marks\nadd set T marks { type mark; timeout 1h; }',
  ],
  ['a sleeping table', 'add table T { flags dormant; }'],
];

t.test('each kind of drift changes the fingerprint, and a replacement heals it', async (t) => {
  for (const family of FAMILIES) {
    using scratch = await openScratchNamespace();
    await using nft = await Nftables.open({ namespace: scratch.path, tables: ['weft'] });
    const object = wanted(family);
    await nft.apply([{ op: 'create', object }]);
    const definition = () => scratch.run('nft list ruleset');
    const sound = definition();
    for (const [what, template] of DRIFTS) {
      const rules = scratch.run(`nft -a list table ${family} weft`);
      const command = template
        .replaceAll(/\b[TF]\b/g, (letter) => (letter === 'T' ? `${family} weft` : family))
        .replaceAll(/HANDLE\(([^)]*)\)/g, (_, comment) => {
          const handle = new RegExp(`comment "${comment}" # handle (\\d+)`).exec(rules)?.[1];
          return `handle ${handle}`;
        });
      scratch.run(`nft -f - <<'END'\n${command}\nEND`);
      t.not(await fingerprintOf(nft, family), object.fingerprint, `${what} (${family}) is seen`);
      await nft.apply([{ op: 'replace', was: object, object }]);
      t.equal(await fingerprintOf(nft, family), object.fingerprint, `${what} (${family}) is healed`);
      t.equal(blocks(definition()), blocks(sound), `${what} (${family}) is healed for nft too`);
    }
    scratch.run(`nft delete table ${family} weft`);
    t.equal(await fingerprintOf(nft, family), undefined, 'a deleted table is gone');
    await nft.apply([{ op: 'create', object }]);
    t.equal(definition(), sound);
  }
});

t.test('elements, counters and other tables do not count', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await Nftables.open({ namespace: scratch.path, tables: ['weft'] });
  const table = exampleTable('ip');
  const chains = table.chains.map((chain) =>
    chain.base?.hook === 'output'
      ? { ...chain, rules: [{ comment: 'counts', exprs: [{ expr: 'counter' } as const] }, ...chain.rules] }
      : chain,
  );
  const counting = { ...table, chains };
  const object = tableObject(counting);
  await nft.apply([{ op: 'create', object }]);
  scratch.run(`ip link set lo up
    nft add element ip weft pairs { x . y }
    nft add table ip other
    ping -c 1 127.0.0.1`);
  t.match(scratch.run('nft list chain ip weft nat-output'), /counter packets [1-9]/);
  t.equal(await fingerprintOf(nft, 'ip'), object.fingerprint);
});

t.test('others change the ruleset all the time', async (t) => {
  using scratch = await openScratchNamespace();
  await using nft = await Nftables.open({ namespace: scratch.path, tables: ['weft'] });
  await nft.apply([
    { op: 'create', object: wanted('ip') },
    ...exampleElements('ip').map((object) => ({ op: 'create', object }) as const),
  ]);
  scratch.run('nft add table ip other; nft add chain ip other c');
  const noise = spawn('nsenter', [
    `--net=${scratch.path}`,
    'sh',
    '-c',
    'while :; do nft add rule ip other c counter; nft flush chain ip other c; echo; done',
  ]);
  try {
    await once(noise.stdout, 'data');
    let rounds = 0;
    const deadline = performance.now() + 1500 * PATIENCE;
    noise.stdout.on('data', () => rounds++);
    const own: ElementObject[] = [];
    while (performance.now() < deadline) {
      const object: ElementObject = {
        kind: 'element',
        family: 'ip',
        table: 'weft',
        set: 'bridges',
        key: [`n${own.length}`],
      };
      own.push(object);
      await nft.apply([{ op: 'create', object }]);
      const snapshot = await nft.snapshot();
      const bridges = snapshot.filter((found) => found.kind === 'element' && found.set === 'bridges');
      if (bridges.length !== own.length + 1) t.fail(`${bridges.length} of ${own.length + 1} elements`);
      if (own.length % 20 === 0) {
        scratch.run('nft flush chain ip weft forward');
        await nft.apply([{ op: 'replace', was: wanted('ip'), object: wanted('ip') }]);
        t.equal(await fingerprintOf(nft, 'ip'), wanted('ip').fingerprint);
      }
    }
    t.ok(own.length > 20, `${own.length} own changes and snapshots`);
    t.ok(rounds > 20, `${rounds} rounds of the others`);
  } finally {
    noise.kill();
    await once(noise, 'exit');
  }
});
