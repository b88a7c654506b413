import t from 'tap';
import { walk } from './random/walk.ts';

/* A short walk, the same each time; scripts/random-walk does long ones with any seed. */

t.setTimeout(900_000);

const WALK = { seed: 3, steps: 150, hosts: 3, quietEvery: 50, engine: ['20.10', '26.1', '28.5'] } as const;

t.test(`${WALK.steps} random steps on ${WALK.hosts} hosts`, async (t) => {
  const lines: string[] = [];
  const { kinds, quietPoints, failures } = await walk({ ...WALK, progress: (line) => lines.push(line) });
  for (const { at, during, logs } of failures) t.comment(`step ${at}, ${during}\n${logs.join('\n')}`);
  if (failures.length > 0) {
    t.comment(lines.join('\n'));
    t.comment(
      `replay: scripts/random-walk --seed ${WALK.seed} --steps ${WALK.steps} --hosts 3 --quiet-every 50`,
    );
  }
  const briefly = failures.map(
    ({ at, during, lines: wrong }) => `step ${at}, ${during}: ${wrong.join('; ')}`,
  );
  t.same(briefly, [], 'nothing was unexpected');
  t.ok(quietPoints >= 3, `every invariant held at each of ${quietPoints} quiet points`);
  const done = [...kinds.values()].reduce((sum, each) => sum + each.done, 0);
  const refused = [...kinds.values()].reduce((sum, each) => sum + each.refused, 0);
  t.ok(done + refused >= WALK.steps, `${done} steps were done, ${refused} refused as they had to be`);
  t.ok(done >= 2 * refused, 'most were done');
  t.ok(kinds.size >= 15, `of ${kinds.size} kinds`);
});
