import t, { type Test } from 'tap';
import { type EngineSeries, until } from '../../lab/index.ts';
import { Scene, type SceneOptions } from './scene.ts';

/** Tests by name, each on an empty host: what it made is removed after it. */
export interface Suite extends SceneOptions {
  readonly tests: Readonly<Record<string, (t: Test, scene: Scene) => Promise<void>>>;
}

/**
 * Runs a suite on one host with a real engine, every test as a subtest at the top level, and closes with a look at
 * what is left on the host. `SUITE_ONLY` in the environment picks tests whose names contain it.
 */
export async function runSuite(engine: EngineSeries, suite: Suite): Promise<void> {
  t.setTimeout(300_000);
  const scene = await Scene.open(engine, suite);
  // While it is born a process looks like weftd.
  await scene.weftd.waitLog('a resolver stands by', (line) =>
    /"standby":true.*a resolver process is there/.test(line),
  );
  const before = await scene.host.leaks();
  const only = process.env['SUITE_ONLY'] ?? '';
  try {
    for (const [name, body] of Object.entries(suite.tests)) {
      if (!name.includes(only)) continue;
      await t.test(`${engine}: ${name}`, async (t) => {
        try {
          await body(t, scene);
        } catch (error) {
          t.comment(scene.weftd.logs.slice(-15).join('\n'));
          throw error;
        } finally {
          await scene.clear();
        }
      });
    }
    await t.test(`${engine}: nothing is left when every network is gone`, (t) =>
      leavesNothing(t, scene, before),
    );
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

async function leavesNothing(t: Test, scene: Scene, before: readonly string[]): Promise<void> {
  const strange = before.filter(
    (text) => !scene.dockersOwn.includes(text) && !OF_WEFTD.some((pattern) => pattern.test(text)),
  );
  t.same(strange, [], 'weftd without networks has its table, its accept rules and its process');
  const left = await until('links are deleted', async () => {
    const now = await scene.host.leaks();
    return now.length <= before.length ? now : undefined;
  }).catch(() => scene.host.leaks());
  t.same(left, before, 'links, routes, nft elements, mounts and processes are as before the first network');
  t.equal(scene.weftd.running, true, 'weftd never stopped');
  t.same(
    scene.weftd.logs.filter((line) => /"level":(50|60|"error"|"fatal")/.test(line)),
    [],
    'weftd logged no error',
  );
}

const OF_WEFTD = [
  /^nft (table|chain|set|map|rule) (ip6?|netdev) weft\b/,
  /^nft rule ip6? filter DOCKER-USER .*"wb-\*"/,
  /^process (node|MainThread|of the resolver)$/,
];
