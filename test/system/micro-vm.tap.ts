import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CHECKOUT, until } from '../lab/index.ts';

/* scripts/vm as a user meets it: output, exit codes, limits, and what it leaves behind. */

interface Run {
  readonly child: ChildProcess;
  readonly code: Promise<number | null>;
  out: string;
  err: string;
}

/** Where this file's machines keep what they need: a folder of their own, to see what stays. */
const scratch = mkdtempSync(join(tmpdir(), 'weft-vm-test-'));
t.teardown(() => rmSync(scratch, { recursive: true }));

function vm(...args: readonly string[]): Run {
  const child = spawn(process.execPath, [join(CHECKOUT, 'test/vm/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: join(CHECKOUT, 'test'),
    env: { ...process.env, TMPDIR: scratch, GREETING: "it's\nme" },
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const run: Run = { child, code, out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.err += text;
  });
  return run;
}

/** Processes of this file's machines: their arguments name its folder. */
function machines(): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`${scratch}/`);
    } catch {
      return false; // it ended while we looked
    }
  });
}

async function nothingStays(t: Test): Promise<void> {
  await until('no machine is left', () => machines().length === 0);
  t.same(readdirSync(scratch), [], 'no file stays');
}

t.setTimeout(300_000);

t.test('a command has its folder, environment, output and exit code', async (t) => {
  const note = join(scratch, 'note');
  const script = `
    pwd; echo "$GREETING"; cat /proc/version; echo 'exit 0'; echo aside >&2
    echo changed >${note}; cat ${note}; cat; seq 1 20000; exit 42`;
  const run = vm('sh', '-c', script);
  t.equal(await run.code, 42);
  const numbers = Array.from({ length: 20_000 }, (_, i) => i + 1).join('\n');
  const [folder, greeting, me, version, ...rest] = run.out.split('\n');
  t.same([folder, greeting, me], [join(CHECKOUT, 'test'), "it's", 'me']);
  t.match(version, /Debian/);
  t.equal(rest.join('\n'), `exit 0\nchanged\n${numbers}\n`, 'all of it, in order');
  t.equal(run.err, 'aside\n', 'standard error is apart');
  t.notOk(existsSync(note), 'what it wrote was written there only');
  await nothingStays(t);
});

t.test('a command that is not there is 127, as for a shell', async (t) => {
  const run = vm('no-such-command');
  t.equal(await run.code, 127);
  t.match(run.err, /no-such-command/);
});

t.test('a kernel that fails is told from a command that does', async (t) => {
  const run = vm('sh', '-c', 'echo before; sleep 1; echo c >/proc/sysrq-trigger; sleep 60');
  t.equal(await run.code, 125);
  t.equal(run.out, 'before\n');
  t.match(run.err, /the machine ended before the command did[\s\S]*Kernel panic/);
  await nothingStays(t);
});

t.test('a machine ends after its time', async (t) => {
  const run = vm('--time', '3', 'sleep', '1000');
  t.equal(await run.code, 124);
  t.equal(run.err, 'vm: stopped after 3 s\n');
  await nothingStays(t);
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  t.test(`${signal} ends the machine`, async (t) => {
    const run = vm('sleep', '1000');
    await until('it runs', () => machines().length > 0);
    run.child.kill(signal);
    t.equal(await run.code, code);
    await nothingStays(t);
  });
}

t.test('its machine ends with it when it is killed', async (t) => {
  const run = vm('sleep', '1000');
  await until('it runs', () => machines().length > 0);
  run.child.kill('SIGKILL');
  t.equal(await run.code, null);
  await until('no machine is left', () => machines().length === 0);
});

t.test('wrong usage is told', async (t) => {
  const run = vm('--quick', 'true');
  t.equal(await run.code, 2);
  t.equal(run.err, 'vm: unknown flag --quick: see scripts/vm --help\n');
});
