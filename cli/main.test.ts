import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ControlFixture, openControl } from '../test/fakes/control-fixture.ts';

const WEFT = join(import.meta.dirname, '../scripts/weft');
const PACKAGE = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  readonly version: string;
};

let control: ControlFixture;
let children: ChildProcess[];

beforeEach(async () => {
  control = await openControl(Date.now());
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await control[Symbol.asyncDispose]();
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function environment(socket: string): NodeJS.ProcessEnv {
  const { NO_COLOR: _, WEFT_SOCKET: __, WEFT_RUN_DIR: ___, ...env } = process.env;
  return { ...env, WEFT_SOCKET: socket, TERM: 'xterm' };
}

function weft(args: readonly string[], env = environment(control.path), program = WEFT): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(program, args, { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** weft in the background, and its lines one by one. */
function follow(args: readonly string[]) {
  const child = spawn(WEFT, args, { env: environment(control.path), stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }) as const);
  return { child, lines, ended };
}

describe('exit codes', () => {
  it.each([
    [['status']],
    [['network', 'ls', '--json']],
    [['network', 'inspect', 'web']],
    [['endpoint', 'ls', '--network', 'web']],
    [['ipam', 'ls', '--no-trunc']],
    [['ipam', 'inspect', 'weft/fd00:18::/64']],
    [['port', 'ls']],
    [['node', 'ls']],
    [['endpoint', 'ls', '--all']],
    [['explain', 'web-1', 'db:5432']],
    [['service', 'ls', '--network', 'web', '--json']],
    [['service', 'inspect', 'shop']],
    [
      [
        'service',
        'create',
        'api',
        '--network',
        'web',
        '--port',
        '80',
        '--port',
        '53/udp',
        '--weight',
        'web-1=2',
      ],
    ],
    [['service', 'update', 'shop', '--weight', 'web-1=0', '--json']],
    [['dns', 'query', 'shop', '--type', 'a']],
    [['drift']],
    [['doctor']],
    [['events', '--no-follow']],
    [['--help']],
    [['help', 'network']],
    [['network', 'ls', '--help']],
    [['service', 'create', '--help']],
    [['dns', 'query', '--help']],
  ])('%j is fine', async (args) => {
    expect(await weft(args)).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [['network', 'inspect', 'nope'], 'weft: no network has the id or name "nope"\n'],
    [['endpoint', 'ls', '--network', 'nope'], 'weft: no network has the id or name "nope"\n'],
    [['service', 'inspect', 'nope'], 'weft: there is no service "nope"\n'],
    [['node', 'rm', 'x'], 'weft: the cluster has no node x\n'],
    [['node', 'rm', 'host1'], 'weft: node host1 lives\n'],
  ])('%j fails with one line', async (args, stderr) => {
    expect(await weft(args)).toEqual({ code: 1, stdout: '', stderr });
  });

  it('1 when a DNS question has no answer, saying who else is asked', async () => {
    const { code, stdout, stderr } = await weft(['dns', 'query', 'nope']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^weft: "nope" is on no network of weft that this host knows\n {2}Containers/);
  });

  it('2 names the networks of an ambiguous service', async () => {
    await weft(['service', 'create', 'shop', '--network', '4f99']);
    const { code, stderr } = await weft(['service', 'rm', 'shop']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^weft: service shop is on 2 networks: web, 4f99\S+\n {2}Say which/);
  });

  it('1 names the candidates of an ambiguous prefix', async () => {
    const { code, stderr } = await weft(['network', 'inspect', '4f']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^weft: "4f" names 2 networks: 4f1c\S+ \(web\), 4f99\S+\n$/);
  });

  it('1 when a check of the doctor fails', async () => {
    control.backend.scene.findings.push({ id: 'caps', level: 'fail', title: 'no CAP_NET_ADMIN' });
    const { code, stdout } = await weft(['doctor']);
    expect(code).toBe(1);
    expect(stdout).toContain('fail  no CAP_NET_ADMIN [caps]\n');
  });

  it('1 when a step of explain fails', async () => {
    const steps = [{ id: 'vxlan', title: 'the VXLAN device is there', state: 'fail' as const }];
    control.backend.scene.explanation = { from: 'a', to: 'b', holds: false, steps };
    const { code, stdout } = await weft(['explain', 'web-1', '[fd00::2]:80/udp']);
    expect(code).toBe(1);
    expect(stdout).toContain('the first that does not hold: the VXLAN device is there\n');
    expect(stdout).toContain('web-1 → [fd00::2]:80/udp\n');
  });

  it.each([
    [[], 'Usage: weft'],
    [['network'], 'Usage: weft network'],
    [['netwrok', 'ls'], "unknown command 'netwrok'"],
    [['service', 'create', 'api'], "required option '--network <network>' not specified"],
    [['service', 'create', 'api', '--network', 'web', '--port', 'x'], 'weft: ports "x": expected PORT'],
    [['service', 'update', 'shop'], 'weft: nothing to change'],
    [['dns', 'query', 'web', '--type', 'MX'], 'weft: type "MX" must be equal to one of'],
    [['network', 'inspect'], "missing required argument 'network'"],
    [['network', 'ls', 'extra'], 'too many arguments'],
    [['network', 'ls', '--jsno'], '(Did you mean --json?)'],
    [['endpoint', 'ls', '--network'], 'argument missing'],
    [['explain', 'web-1'], "missing required argument 'to'"],
    [['node', 'rm'], "missing required argument 'node'"],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['events', '--since', 'yesterday'], '--since "yesterday" is not a time'],
    [['network', 'inspect', ''], 'weft: '],
    [['__complete', 'weather'], 'nothing completes "weather"'],
  ])('%j is wrong usage', async (args, stderr) => {
    const outcome = await weft(args);
    expect(outcome.stderr).toContain(stderr);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('finding weftd', () => {
  it('exits 3 and says which socket and what to do', async () => {
    const socket = join(control.folder, 'missing.sock');
    const { code, stdout, stderr } = await weft(['status'], environment(socket));
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toBe(
      `weft: cannot reach weftd at ${socket}: there is no such socket\n  Is weftd running here? Start it, or say where its socket is with --socket PATH or WEFT_SOCKET.\n`,
    );
  });

  it('tells a file that is not a socket', async () => {
    const path = join(control.folder, 'file');
    writeFileSync(path, '');
    expect(await weft(['status', '--socket', path])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nothing listens on that socket') as string,
    });
  });

  it('takes --socket and --run-dir before and after the command', async () => {
    const elsewhere = environment('/nowhere');
    expect((await weft(['--socket', control.path, 'status'], elsewhere)).code).toBe(0);
    expect((await weft(['port', 'ls', '--socket', control.path], elsewhere)).code).toBe(0);
    expect((await weft(['status', '--run-dir', control.folder], elsewhere)).code).toBe(0);
    expect(
      (await weft(['status'], { ...elsewhere, WEFT_SOCKET: '', WEFT_RUN_DIR: control.folder })).code,
    ).toBe(0);
  });

  it('says so when something else answers', async () => {
    const path = join(control.folder, 'other.sock');
    const other: Server = createServer((_request, response) => response.end('<html>')).listen(path);
    await once(other, 'listening');
    const { code, stderr } = await weft(['status', '--socket', path]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`what answers on ${path} is not weftd`);
  });
});

describe('output', () => {
  it('is one JSON document with --json', async () => {
    const { stdout } = await weft(['network', 'ls', '--json']);
    expect(JSON.parse(stdout)).toEqual(control.backend.scene.networks);
  });

  it('has colours on a terminal only, and not with NO_COLOR', async () => {
    const onTerminal = (env: NodeJS.ProcessEnv) =>
      weft(['-qec', `${WEFT} status`, '/dev/null'], env, 'script');
    expect((await onTerminal(environment(control.path))).stdout).toContain('\u{1b}[32mready\u{1b}[39m');
    expect((await onTerminal({ ...environment(control.path), NO_COLOR: '1' })).stdout).not.toContain(
      '\u{1b}',
    );
    expect((await weft(['status'])).stdout).not.toContain('\u{1b}');
  });

  it('does not let names steer the terminal', async () => {
    const [first] = control.backend.scene.networks;
    control.backend.scene.networks = first === undefined ? [] : [{ ...first, name: 'a\u{1b}]0;title\u{7}' }];
    const { stdout } = await weft(['network', 'ls']);
    expect(stdout).toContain('a�]0;title�');
    expect(stdout).not.toContain('\u{1b}');
  });

  it('may be closed early', async () => {
    const { code, stderr } = await weft(['-c', `${WEFT} network ls --json | head -c 1`], undefined, 'bash');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('has the version of the package', async () => {
    expect(await weft(['--version'])).toEqual({ code: 0, stdout: `${PACKAGE.version}\n`, stderr: '' });
  });

  it('lists no command that does not work', async () => {
    const { stdout } = await weft(['--help']);
    for (const word of ['ui', '__complete']) {
      expect(stdout).not.toMatch(new RegExp(`^  ${word}\\b`, 'm'));
    }
  });

  it('runs through a symbolic link', async () => {
    const link = join(control.folder, 'weft');
    symlinkSync(WEFT, link);
    expect((await weft(['--version'], undefined, link)).code).toBe(0);
  });
});

describe('weft events', () => {
  const publish = (text: string) => control.backend.log.publish({ kind: 'network.create', text });

  it('prints kept events, then new ones, and ends cleanly with Ctrl-C', async () => {
    publish('network web created');
    const { child, lines, ended } = follow(['events']);
    expect((await lines.next()).value).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}network\.create {6}network web created$/,
    );
    publish('network db created');
    expect((await lines.next()).value).toContain('network db created');
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
  });

  it('prints one JSON object a line with --json', async () => {
    publish('one');
    publish('two');
    const { stdout } = await weft(['events', '--json', '--no-follow']);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(events).toMatchObject([
      { id: 1, text: 'one' },
      { id: 2, text: 'two' },
    ]);
  });

  it('starts at --since', async () => {
    for (let i = 0; i < 30; i++) publish(`event ${i}`);
    const count = async (since: readonly string[]) =>
      (await weft(['events', '--no-follow', ...since])).stdout.split('\n').length - 1;
    expect(await count([])).toBe(20);
    expect(await count(['--since', '1h'])).toBe(30);
    expect(await count(['--since', new Date(Date.now() + 3_600_000).toISOString()])).toBe(0);
  });

  it('exits 3 when weftd stops', async () => {
    publish('before');
    const { lines, ended } = follow(['events']);
    await lines.next();
    await control.stop();
    expect(await ended).toEqual({
      code: 3,
      signal: null,
      stderr: 'weft: weftd ended the event stream\n  It stops or restarts; run weft events again.\n',
    });
  });

  it('ends when its reader goes away', async () => {
    publish('before');
    const { child, lines, ended } = follow(['events']);
    await lines.next();
    child.stdout.destroy();
    for (let i = 0; i < 3; i++) publish('x'.repeat(100_000));
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('scripts/weft and scripts/weftd', () => {
  const SCRIPTS = join(import.meta.dirname, '../scripts');

  it.each(['weft', 'weftd'])('%s says what to do where Node is missing or too old', async (name) => {
    const scripts = join(control.folder, 'scripts');
    const bin = join(control.folder, 'bin');
    mkdirSync(scripts);
    mkdirSync(bin);
    copyFileSync(join(SCRIPTS, name), join(scripts, name));
    const refusal = (advice: string) => ({
      code: 1,
      stdout: '',
      stderr: `${name}: Node 24 or newer is needed and is not here: ${advice}\n`,
    });
    const installed = refusal('put it in PATH');
    expect(await weft(['status'], { PATH: bin }, join(scripts, name))).toEqual(installed);
    writeFileSync(join(bin, 'node'), '#!/bin/bash\necho false\n', { mode: 0o755 });
    expect(await weft(['status'], { PATH: bin }, join(scripts, name))).toEqual(installed);
    writeFileSync(join(scripts, 'setup'), '', { mode: 0o755 });
    const checkout = refusal(`run ${control.folder}/scripts/setup`);
    expect(await weft(['status'], { PATH: bin }, join(scripts, name))).toEqual(checkout);
  });

  it('differ in nothing but what they run', () => {
    const [cli, daemon] = ['weft', 'weftd'].map((name) =>
      readFileSync(join(SCRIPTS, name), 'utf8').split('\n'),
    );
    const different = cli?.filter((line, i) => line !== daemon?.[i]);
    expect(different).toHaveLength(2);
    expect(cli).toHaveLength(daemon?.length ?? 0);
  });
});
