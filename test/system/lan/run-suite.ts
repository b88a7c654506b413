import t, { type Test } from 'tap';
import { type EngineSeries, type Host, until } from '../../lab/index.ts';
import { LanScene } from './lan-scene.ts';

/** Tests by name, each on hosts without networks: what it made is removed after it. */
export type LanSuite = Readonly<Record<string, (t: Test, scene: LanScene) => Promise<void>>>;

/**
 * Runs a suite on two hosts with a real engine, and closes with a look at what is left on them. `SUITE_ONLY` in the
 * environment picks tests whose names contain it.
 */
export async function runLanSuite(engine: EngineSeries, suite: LanSuite): Promise<void> {
  t.setTimeout(600_000);
  const scene = await LanScene.open(engine);
  const only = process.env['SUITE_ONLY'] ?? '';
  try {
    for (const [name, body] of Object.entries(suite)) {
      if (!name.includes(only)) continue;
      await t.test(`${engine}: ${name}`, async (t) => {
        try {
          await body(t, scene);
        } catch (error) {
          for (const { weftd } of scene.hosts) t.comment(weftd.logs.slice(-15).join('\n'));
          throw error;
        } finally {
          await scene.clear();
        }
      });
    }
    await t.test(`${engine}: nothing is left, and nothing went wrong`, (t) => leavesNothing(t, scene));
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

async function leavesNothing(t: Test, scene: LanScene): Promise<void> {
  for (const { host, weftd } of scene.hosts) {
    const left = await until('links are deleted', async () => (await leftOn(host)).length === 0 && []).catch(
      () => leftOn(host),
    );
    t.same(left, [], `${host.name} has no link, route or mount more`);
    t.equal(weftd.running, true, 'weftd runs');
    t.same(
      weftd.logs.filter((line) => /"level":(50|60|"error"|"fatal")/.test(line)),
      [],
      'weftd logged no error',
    );
  }
}

async function leftOn(host: Host): Promise<readonly string[]> {
  return (await host.leaks()).filter((text) => /^(link|route|mount) /.test(text) && !/docker/.test(text));
}
