import t from 'tap';
import { soak } from '../../bench/soak/soak.ts';

/** A heap that has not had its first large collection yet still grows; a leak of a run's state is more than this. */
const MAX_GROWTH_MB = 40;

t.setTimeout(300_000);

t.test('64 loops of docker run and rm for 30 s fail nothing and leave nothing', async (t) => {
  const progress = (text: string) => t.comment(text);
  const result = await soak({ engine: '28.5', seconds: 30, parallel: 64, progress });
  t.comment(`${result.runs} runs, ${result.runsPerSecond.toFixed(2)} a second`);
  t.same(result.errors, [], 'every container starts, reaches its gateway and is removed');
  t.ok(result.runs >= 64, 'every loop ran');
  t.same(result.leaks, [], 'no link, rule, mount or process is left');
  t.equal(result.endpoints, 0, 'no endpoint is left');
  t.equal(result.ports, 0, 'no port is left');
  t.equal(result.leases, 0, 'no address is left');
  t.same(result.complaints, [], 'weftd met no error and had nothing to repair');
  t.ok(
    result.memory.growthMb < MAX_GROWTH_MB,
    `memory of weftd grew by ${result.memory.growthMb.toFixed(1)} MB`,
  );
});
