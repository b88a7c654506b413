import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import t from 'tap';
import { Internal, KernelError } from '../../core/errors.ts';
import { inNamespace } from '../../kernel/libc/index.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';

const here = () => readlinkSync('/proc/thread-self/ns/net');
const HOME = here();
const LIBC = new URL('../../kernel/libc/index.ts', import.meta.url).href;

/** Runs a module in a process of its own: nothing in it has used the thread pool before. */
function node(source: string, argument: string) {
  const script = `import { inNamespace } from '${LIBC}'; import fs from 'node:fs'; ${source}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script, argument], { encoding: 'utf8' });
}

t.test('the thread is inside during the call and at home after it', async (t) => {
  using scratch = await openScratchNamespace();
  const inside = inNamespace(scratch.path, here);
  t.equal(inside, readlinkSync(scratch.path));
  t.not(inside, HOME);
  t.equal(here(), HOME);
});

t.test('it comes home when the act throws', async (t) => {
  using scratch = await openScratchNamespace();
  const failing = () => {
    throw new RangeError('inside');
  };
  t.throws(() => inNamespace(scratch.path, failing), RangeError);
  t.equal(here(), HOME);
});

t.test('a namespace within another is refused and leaves nothing switched', async (t) => {
  using scratch = await openScratchNamespace();
  t.throws(() => inNamespace(scratch.path, () => inNamespace(scratch.path, here)), Internal);
  t.equal(here(), HOME);
  t.equal(inNamespace(scratch.path, here), readlinkSync(scratch.path), 'and the next call works');
});

t.test('a file that is no namespace is refused', async (t) => {
  t.throws(
    () => inNamespace('/proc/self/ns/uts', here),
    new KernelError('setns(/proc/self/ns/uts): EINVAL', { errno: 'EINVAL' }),
  );
  t.throws(() => inNamespace('/etc/passwd', here), /setns.*EINVAL/);
  t.equal(here(), HOME);
});

t.test('threads of the pool are born at home even if their first work comes from inside', async (t) => {
  using scratch = await openScratchNamespace();
  const { stdout, stderr } = node(
    `inNamespace(process.argv[1], () => fs.readFile('/proc/uptime', () => {
       const tasks = fs.readdirSync('/proc/self/task');
       console.log(JSON.stringify(tasks.map((id) => fs.readlinkSync('/proc/self/task/' + id + '/ns/net'))));
     }))`,
    scratch.path,
  );
  const namespaces: string[] = JSON.parse(stdout || '[]');
  t.equal(stderr, '');
  t.ok(namespaces.length >= 5, 'the pool exists');
  t.same([...new Set(namespaces)], [HOME]);
});

t.test('a process that cannot come home ends at once', async (t) => {
  using scratch = await openScratchNamespace();
  const { signal, stdout } = node(
    `inNamespace(process.argv[1], () => {
       for (const fd of fs.readdirSync('/proc/self/fd')) {
         try { if (fs.readlinkSync('/proc/self/fd/' + fd).startsWith('net:')) fs.closeSync(Number(fd)); } catch {}
       }
     });
     console.log('went on');`,
    scratch.path,
  );
  t.equal(signal, 'SIGABRT');
  t.equal(stdout, '');
});
