import t from 'tap';
import { type Crash, CrashRun } from './crash-run.ts';
import { FaultLab } from './fault-lab.ts';

/*
 * weftd dies by SIGKILL at every point of every call, twice: the engine asks again, and the engine gives up. Whatever
 * the point, the next weftd leaves the host as a run without a death does, and two containers beside notice nothing.
 */

const LABS = 3;

t.setTimeout(800_000);

t.test('weftd may die at any point of any call', async (t) => {
  await using stack = new AsyncDisposableStack();
  const labs = await Promise.all(Array.from({ length: LABS }, async () => stack.use(await FaultLab.open())));
  const runs = await Promise.all(labs.map((lab) => CrashRun.open(lab)));
  const [first] = runs;
  if (first === undefined) throw new Error('no run');
  for (const run of runs) t.same(run.leftovers(), [], 'a life without a death leaves nothing');
  const only = process.env['WEFT_CRASH_ONLY'];
  const crashes = first
    .crashes()
    .filter(({ call, point, way }) => only === undefined || `${call} ${point} ${way}`.startsWith(only));
  t.ok(only !== undefined || crashes.length > 150, `${crashes.length} deaths`);
  const queue = [...crashes];
  await Promise.all(
    runs.map(async (run) => {
      for (let crash = queue.shift(); crash !== undefined; crash = queue.shift()) {
        const wrong = await run.crash(crash).catch((error: unknown) => [String(error)]);
        t.same(wrong, [], text(crash));
        if (wrong.length > 0) break;
      }
    }),
  );
  t.equal(queue.length, 0, 'every death was died');
  for (const lab of labs) {
    const { pings, stream } = await lab.stopTraffic();
    t.ok(pings.sent > 100, `${pings.sent} pings`);
    t.equal(pings.received, pings.sent, 'no ping is lost');
    t.ok(stream.sent > 100, `${stream.sent} lines`);
    t.same(
      { ...stream, longestMs: 0 },
      { sent: stream.sent, echoed: stream.sent, longestMs: 0, failure: '' },
    );
  }
});

function text({ call, point, name, way }: Crash): string {
  return `${call}, point ${point} (${name}), ${way}`;
}
