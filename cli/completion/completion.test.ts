import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlFixture, openControl } from '../../test/fakes/control-fixture.ts';
import { buildProgram } from '../program.ts';
import { completionScript, SHELLS } from './script.ts';
import { completionTree, flatten } from './tree.ts';

const WEFT = join(import.meta.dirname, '../../scripts/weft');
const run = promisify(execFile);
const program = buildProgram('0.1.0', () => {});
let control: ControlFixture;
let script: string;

beforeAll(async () => {
  control = await openControl(Date.now());
  script = join(control.folder, 'weft.bash');
  writeFileSync(script, completionScript('bash', program));
});

afterAll(() => control[Symbol.asyncDispose]());

/** What bash offers for a command line with the cursor at its end, when `weft` is the checkout's. */
async function offered(line: string, breaks = ' \t\n"\'><=;|&(:'): Promise<readonly string[]> {
  const program = `
    source "$1"
    COMP_WORDBREAKS=$3 COMP_LINE=$2 COMP_POINT=\${#2}
    _weft
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ['--norc', '-c', program, 'bash', script, line.replace(/^weft/, WEFT), breaks];
  const { stdout, stderr } = await run('bash', args, { env: { ...process.env, WEFT_SOCKET: control.path } });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('the bash script', () => {
  it('is valid bash and registers itself', () => {
    execFileSync('bash', ['-n', script]);
    const registered = execFileSync('bash', [
      '--norc',
      '-c',
      'source "$1"; complete -p weft',
      'bash',
      script,
    ]);
    expect(String(registered)).toBe('complete -F _weft weft\n');
  });

  it.each([
    [
      'weft ',
      [
        'status',
        'node',
        'network',
        'endpoint',
        'ipam',
        'service',
        'dns',
        'port',
        'explain',
        'events',
        'doctor',
        'drift',
        'completion',
        'help',
      ],
    ],
    ['weft e', ['endpoint', 'explain', 'events']],
    ['weft network ', ['ls', 'inspect']],
    ['weft network i', ['inspect']],
    ['weft --socket /tmp/x network i', ['inspect']],
    ['weft --socket=/tmp/x network i', ['inspect']],
    ['weft network ls --j', ['--json']],
    ['weft network ls --', ['--json', '--no-trunc', '--version', '--socket', '--run-dir', '--help']],
    ['weft completion ', ['bash', 'zsh', 'fish']],
    ['weft completion z', ['zsh']],
    ['weft status ', []],
    ['weft service ', ['ls', 'inspect', 'create', 'update', 'rm']],
    ['weft dns query web --type S', ['SRV']],
    ['weft node ', ['ls', 'rm']],
    ['weft node rm --f', ['--force']],
  ])('completes %j', async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  it('completes networks by name, those without a name by id, and ids when the word is one', async () => {
    expect(await offered('weft network inspect ')).toEqual(['web', '4f99aabb4f99']);
    expect(await offered('weft network inspect 4f')).toEqual(['4f1c2d3e4f1c', '4f99aabb4f99']);
    expect(await offered('weft network inspect web ')).toEqual([]);
    expect(await offered('weft endpoint ls --network w')).toEqual(['web']);
    expect(await offered('weft endpoint ls --network=w')).toEqual(['web']);
    expect(await offered('weft endpoint inspect ')).toEqual(['web-1']);
    expect(await offered('weft explain ')).toEqual(['web-1']);
    expect(await offered('weft node rm ')).toEqual(['host1']);
    expect(await offered('weft service inspect ')).toEqual(['shop']);
    expect(await offered('weft service create x --network w')).toEqual(['web']);
  });

  it('asks the weftd that the command line names', async () => {
    expect(await offered('weft --socket /nowhere network inspect ')).toEqual([]);
    expect(await offered(`weft --run-dir ${control.folder} network inspect w`)).toEqual(['web']);
  });

  it('completes pools, whatever bash does with colons', async () => {
    expect(await offered('weft ipam inspect weft/1')).toEqual(['weft/198.18.0.0/24']);
    expect(await offered('weft ipam inspect weft/fd00:1')).toEqual(['18::/64']);
    expect(await offered('weft ipam inspect weft/fd00:1', ' \t\n')).toEqual(['weft/fd00:18::/64']);
  });

  it('completes files for sockets', async () => {
    expect(await offered(`weft --socket ${control.folder}/con`)).toEqual([control.path]);
  });

  it('offers nothing that a shell could expand', async () => {
    const [first] = control.backend.scene.networks;
    const saved = control.backend.scene.networks;
    control.backend.scene.networks = first === undefined ? [] : [{ ...first, name: '$(touch pwned)' }, first];
    expect(await offered('weft network inspect ')).toEqual(['web']);
    control.backend.scene.networks = saved;
  });
});

describe.each(SHELLS)('the %s script', (shell) => {
  it('knows every visible command and option', () => {
    const text = completionScript(shell, program);
    const nodes = flatten(completionTree(program));
    expect(nodes.length).toBeGreaterThan(15);
    for (const { path, options } of nodes) {
      if (path.length > 0) expect(text).toContain(`/${path.join('/')}`);
      for (const { flags } of options) expect(text).toContain(flags[0]);
    }
    expect(text).not.toContain('/__complete');
    expect(text.endsWith('\n')).toBe(true);
  });
});
