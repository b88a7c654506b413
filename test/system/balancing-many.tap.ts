import t from 'tap';
import { VipSandboxes } from '../../bench/harness/vip-sandboxes.ts';
import { poll } from '../support/poll.ts';

/** Enough for part of a change to go through the thread pool. */
const SANDBOXES = 80;
const SERVICES = 4;
const all = Array.from({ length: SANDBOXES }, (_, n) => n);

t.setTimeout(180_000);

t.test('a change of a service in many sandboxes', { timeout: 120_000 }, async (t) => {
  await using host = VipSandboxes.make(SANDBOXES);
  await host.begin(SERVICES);
  const rings = (service: number) => new Set(all.map((sandbox) => host.ringIn(service, sandbox)));

  await t.test('is in every one of them when it is said to be', async (t) => {
    for (const [backends, ring] of [
      [[1, 2, 3], '198.19.0.2 198.19.0.3 198.19.0.4'],
      [[1, 4], '198.19.0.2 198.19.0.5'],
    ] as const) {
      for (let service = 1; service <= 2; service++) host.serve(service, backends);
      await host.everywhere();
      for (let service = 1; service <= 2; service++) t.same(rings(service), new Set([ring]));
    }
  });

  await t.test('that comes while the last one is on its way is the one that stays', async (t) => {
    for (let n = 1; n <= 50; n++) {
      host.serve(1, [1, 1 + n]);
      if (n % 7 === 0) await new Promise(setImmediate);
    }
    await host.everywhere();
    t.same(rings(1), new Set(['198.19.0.2 198.19.0.52']));
  });

  await t.test(
    'where somebody has taken the table away it is made anew, and elsewhere nothing waits',
    async (t) => {
      const robbed = [0, 40, 41, SANDBOXES - 1];
      for (const sandbox of robbed) host.run(sandbox, 'nft', ['delete', 'table', 'ip', 'weft-vip']);
      host.serve(1, [5, 6]);
      await host.everywhere();
      t.ok(await poll(() => rings(1).size === 1));
      t.same(rings(1), new Set(['198.19.0.6 198.19.0.7']));
      t.same(rings(3), new Set(['198.19.0.2 198.19.0.3 198.19.0.4']), 'with everything that was in it');
    },
  );
});
