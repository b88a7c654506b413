import '../support/own-mounts.ts';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { isNamespace, type NamespaceEvent, NamespaceWatch } from '../../daemon/sandboxes/index.ts';
import { MemorySandboxes } from '../support/memory-sandboxes.ts';
import { NamespaceFiles } from '../support/namespace-files.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';

function inotify(): number {
  const links = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  return links.filter((link) => link.includes('inotify')).length;
}

t.setTimeout(60_000);

t.test('the namespaces of sandboxes are noticed', async (t) => {
  using scratch = await openScratchNamespace();
  using files = new NamespaceFiles();
  const sandboxes = new MemorySandboxes();
  const known = sandboxes.set(files.mount('known', scratch), ['net']);
  const stale = sandboxes.set(files.touch('stale'), ['net']);
  using watch = new NamespaceWatch(sandboxes);
  const events: NamespaceEvent[] = [];
  watch.subscribe((event) => events.push(event));

  await t.test('those that are there', async (t) => {
    t.equal(watch.alive(known), true);
    t.equal(await watch.whenAlive(known, 0), true);
    t.equal(watch.alive(stale), false, 'a file that Docker has left is none');
    t.equal(await watch.whenAlive(stale, 20), false);
    t.equal(isNamespace(files.key('no such file')), false);
  });

  await t.test('as they come: within milliseconds of the mount', async (t) => {
    const key = sandboxes.set(files.key('new'), ['net']);
    const coming = watch.whenAlive(key, 5000);
    await sleep(50);
    files.mount('new', scratch);
    const begun = performance.now();
    t.equal(await coming, true);
    t.comment(`${(performance.now() - begun).toFixed(1)} ms`);
    t.same(events.splice(0), [{ key, alive: true }]);
  });

  await t.test('as they go: unmounted while the file stays', async (t) => {
    files.unmount('new');
    const key = files.key('new');
    await poll(() => events.length > 0, 2000);
    t.same(events.splice(0), [{ key, alive: false }]);
    t.equal(watch.alive(key), false);
  });

  await t.test('in a directory that comes later', async (t) => {
    const directory = join(files.directory, 'later');
    const key = sandboxes.set(join(directory, 'box'), ['net']);
    const coming = watch.whenAlive(key, 5000);
    await sleep(100);
    mkdirSync(directory);
    files.mount('later/box', scratch);
    const begun = performance.now();
    t.equal(await coming, true);
    t.ok(performance.now() - begun < 200, `${(performance.now() - begun).toFixed(1)} ms`);
    files.unmount('later/box');
    execFileSync('rm', ['-r', directory]);
    await poll(() => !watch.alive(key), 2000);
    mkdirSync(directory);
    files.mount('later/box', scratch);
    t.equal(await watch.whenAlive(key, 2000), true, 'and when it is made again');
    events.splice(0);
  });

  await t.test('and nobody is told of those that are stored no longer', async (t) => {
    const key = sandboxes.set(files.key('brief'), ['net']);
    const coming = watch.whenAlive(key, 60_000);
    sandboxes.remove(key);
    t.equal(await coming, false, 'who waits is told at once');
    files.mount('brief', scratch);
    await sleep(100);
    t.equal(watch.alive(key), false);
    t.same(events, []);
    t.equal(await watch.whenAlive(key, 20), false);
  });

  await t.test('until it is closed', async (t) => {
    const key = sandboxes.set(files.key('never'), ['net']);
    const coming = watch.whenAlive(key, 60_000);
    t.ok(inotify() > 0);
    watch[Symbol.dispose]();
    t.equal(await coming, false);
    // libuv keeps one descriptor for all watches of a loop; none of them may hold the process.
    files.mount('never', scratch);
    await sleep(50);
    t.same(events, []);
  });
});
