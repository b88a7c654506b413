import t from 'tap';
import { soak } from '../../bench/soak/soak.ts';

/** Runs that each leave their state behind would take more than this. */
const MAX_LEFT_MB = 5;

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
  // In the midst of work a heap may grow by half until its next large collection.
  const left = result.restMb - result.memory.firstMb;
  t.ok(left < MAX_LEFT_MB, `at rest weftd has ${left.toFixed(1)} MB more than when the load had begun`);
});
