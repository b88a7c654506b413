import t, { type Test } from 'tap';
import { poll } from '../support/poll.ts';
import { LanHost } from './lan-host.ts';

/** Its name and what it does. */
export type LanTest = readonly [string, (t: Test, lan: LanHost) => Promise<void>];

/**
 * Runs tests one after the other on a host of their own, then asserts that nothing is left of them. `SUITE_ONLY` in the
 * environment is a regular expression that picks tests by name.
 * @param atEnd asserts more of the host then.
 */
export async function runLanTests(
  tests: readonly LanTest[],
  atEnd?: (t: Test, lan: LanHost) => void,
): Promise<void> {
  t.setTimeout(500_000);
  const only = new RegExp(process.env['SUITE_ONLY'] ?? '');
  const lan = await LanHost.open();
  try {
    for (const [name, body] of tests.filter(([name]) => only.test(name)))
      await t.test(name, (t) => body(t, lan));
    await t.test('nothing is left, and nothing went wrong', async (t) => {
      await poll(() => !/ w[a-z]-[a-z2-7]{10}/.test(lan.host.namespace.run('ip -o link show')), 10_000);
      t.notMatch(lan.host.log, /"level":(50|60)/, 'weftd logged no error');
      atEnd?.(t, lan);
    });
  } finally {
    if (process.env['SHOW_LOG'] !== undefined) t.comment(lan.host.log);
    await lan[Symbol.asyncDispose]();
  }
}
