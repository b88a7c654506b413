import type { Test } from 'tap';
import { type Crash, CrashRun } from './crash-run.ts';
import type { LifeKind } from './engine-calls.ts';
import { FaultLab } from './fault-lab.ts';

const LABS = 3;

/** The deaths to be died, and how many there must be at least. */
export interface Deaths {
  /** Absent: a network of weft-bridge. */
  readonly kind?: LifeKind;
  /** What the host has before weftd's first call of the life. */
  readonly prepare?: (lab: FaultLab) => void;
  /** Absent: in every call. */
  readonly calls?: ReadonlySet<string>;
  /** Points. */
  readonly atLeast: number;
}

/**
 * weftd dies by SIGKILL at every point of calls, and then the engine asks again, or gives up. Whatever the point, the
 * next weftd leaves the host as a run without a death does, and two containers beside notice nothing.
 */
export async function dieEverywhere(t: Test, { kind, prepare, calls, atLeast }: Deaths): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const labs = await Promise.all(Array.from({ length: LABS }, async () => stack.use(await FaultLab.open())));
  for (const lab of labs) prepare?.(lab);
  const runs = await Promise.all(labs.map((lab) => CrashRun.open(lab, kind)));
  const [first] = runs;
  if (first === undefined) throw new Error('no run');
  for (const run of runs) t.same(run.leftovers(), [], 'a life without a death leaves nothing');
  const only = process.env['WEFT_CRASH_ONLY'];
  const crashes = first
    .crashes()
    .filter(({ call }) => calls === undefined || calls.has(call))
    .filter(({ call, point, way }) => only === undefined || `${call} ${point} ${way}`.startsWith(only));
  const points = new Set(crashes.map(({ call, point }) => `${call} ${point}`));
  t.ok(only !== undefined || points.size >= atLeast, `${points.size} points, ${crashes.length} deaths`);
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
}

function text({ call, point, name, way }: Crash): string {
  return `${call}, point ${point} (${name}), ${way}`;
}
