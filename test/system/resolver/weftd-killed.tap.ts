import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { poll } from '../../support/poll.ts';
import { ResolverScene, type SceneSandbox, startStream } from './scene.ts';

t.setTimeout(60_000);

/** Queries a second. */
const RATE = 1000;

/** Starts what stands for weftd; gives it and the pid of the resolver process. */
async function weftd(
  { runDir, stateDir }: ResolverScene,
  { key }: SceneSandbox,
  ...names: readonly string[]
): Promise<{ readonly child: ChildProcess; readonly resolver: number }> {
  const program = join(import.meta.dirname, 'weftd-stand-in.ts');
  const child = spawn(process.execPath, [program, runDir, stateDir, key, ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { child, resolver: Number(String(line)) };
}

t.test('weftd is killed, again and again, under 1,000 queries a second', async (t) => {
  await using scene = new ResolverScene();
  const sandbox = await scene.sandbox();
  let { child, resolver } = await weftd(scene, sandbox, 'web=198.18.0.1');
  const first = resolver;
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  for (let i = 1; i <= 3; i++) {
    await sleep(300);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await sleep(300);
    ({ child, resolver } = await weftd(scene, sandbox, 'web=198.18.0.1', `new${i}=198.18.0.${i + 1}`));
    t.equal(resolver, first, 'the process goes on');
    await poll(() => sandbox.dig(`new${i}`, '+short') === `198.18.0.${i + 1}`);
    if (i > 1) t.not(sandbox.dig(`new${i - 1}`, '+short'), `198.18.0.${i}`, 'and forgets what is no more');
  }
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.ok(result.asked > RATE);
  t.same([result.wrong, result.failed, result.repeated], [0, 0, 0]);
  child.kill('SIGKILL');
});
