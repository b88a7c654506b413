import type { Test } from 'tap';
import { type ClusterNode, until } from '../../lab/index.ts';
import { findNetwork, type OverlayScene, overlaySpec } from './overlay-scene.ts';

/** What `weft node ls --json` says, as far as these tests look. */
interface NodeRow {
  readonly name: string;
  readonly address: string;
}

async function nodesSeenBy(node: ClusterNode): Promise<readonly NodeRow[]> {
  const { nodes } = await node.weftJson<{ readonly nodes: readonly NodeRow[] }>('node', 'ls');
  return nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function listed(t: Test, scene: OverlayScene): Promise<void> {
  const expected = scene.nodes.map(({ name, address }) => ({ name, address }));
  for (const node of scene.nodes) t.match(await nodesSeenBy(node), expected, `${node.name} knows them all`);
}

/** A second weftd under another node's name or address ends with one line that names what is taken. */
async function noDoubles(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  for (const [args, names] of [
    [['--node', one.name], one.name],
    [['--address', two.address], two.address],
  ] as const) {
    await three.weftd.stop();
    const impostor = await three.startWeftd([...args]).catch((error: unknown) => String(error));
    t.type(impostor, 'string', `a weftd with ${args.join(' ')} does not start`);
    t.match(String(impostor), names, 'and says what is taken');
    await three.startWeftd();
  }
  await listed(t, scene);
}

async function fenced(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('fence');
  const stray = await scene.server(three, 'fence', { name: 'stray' });
  await three.weftd.kill9();
  t.match(await one.weft(['node', 'rm', three.name]), { code: 1, stderr: /lease/ }, 'one that lives is not');
  const isRemoved = async () => (await one.weft(['node', 'rm', three.name])).code === 0;
  await until('a dead node is removed', isRemoved, { timeoutMs: 20_000 });
  await until('it is forgotten', async () =>
    (await nodesSeenBy(two)).every(({ name }) => name !== three.name),
  );
  const back = await three.startWeftd().then(
    () => three.weftd,
    () => three.weftd,
  );
  await until(
    'it is told',
    () => back.logs.some((line) => /removed/.test(line) && /"level":(40|50|60)/.test(line)),
    { timeoutMs: 15_000 },
  );
  t.ok(
    (await nodesSeenBy(one)).every(({ name }) => name !== three.name),
    'it does not come back by itself',
  );
  const refused = await three.docker.createNetwork(overlaySpec('forbidden')).then(
    () => 'made',
    (error: unknown) => String(error),
  );
  t.match(refused, /removed/, 'it makes no networks');
  t.equal(await findNetwork(one, 'forbidden'), undefined);
  await stray.container.remove();
  await three.weftd.stop();
  await three.host.exec(['rm', '-rf', three.host.stateDir]);
  await three.host.exec(['mkdir', '-p', three.host.stateDir]);
  await three.startWeftd();
  await listed(t, scene);
}

/** Hosts as members. */
export const NODES = {
  'every host lists every host': listed,
  'two daemons with one name or one address do not work': noDoubles,
  'a removed node that returns is told so and harms nothing': fenced,
} as const;
