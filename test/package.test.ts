import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
};
/** Compiling and packing take some seconds, more on a busy machine. */
const BUILD_MS = 240_000;

const scratch = mkdtempSync(join(tmpdir(), 'weft-package-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A program's output, with the Node that runs the tests first in PATH and nothing else of this environment. */
function run(command: string, ...args: readonly string[]): string {
  const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, HOME: scratch };
  return execFileSync(command, args, { encoding: 'utf8', env, cwd: scratch });
}

describe('a release', () => {
  let tarball = '';
  let installed = '';

  beforeAll(() => {
    tarball = run(join(ROOT, 'scripts/package'), '--out', join(scratch, 'out')).trim();
    run('tar', '-xzf', tarball, '-C', scratch);
    installed = join(scratch, basename(tarball, '.tar.gz'));
  }, BUILD_MS);

  test('is one tarball named by version and machine', () => {
    expect(readdirSync(dirname(tarball))).toEqual([basename(tarball)]);
    expect(basename(tarball)).toMatch(
      new RegExp(`^weft-${version.replaceAll('.', '\\.')}-linux-(x64|arm64)\\.tar\\.gz$`),
    );
  });

  test('runs both programs', () => {
    expect(run(join(installed, 'bin/weft'), '--version').trim()).toBe(version);
    expect(run(join(installed, 'bin/weftd'), '--version').trim()).toBe(version);
    expect(run(join(installed, 'bin/weftd'), '--help')).toContain('--plugin-dir');
  });

  test('holds what operations.md installs', () => {
    expect(readdirSync(installed).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'completions',
      'dist',
      'docs',
      'node_modules',
      'package.json',
      'systemd',
    ]);
    expect(readdirSync(join(installed, 'systemd'))).toEqual(['weftd.service']);
    expect(readdirSync(join(installed, 'completions')).sort()).toEqual(['_weft', 'weft.bash', 'weft.fish']);
    expect(readFileSync(join(installed, 'completions/weft.bash'), 'utf8')).toContain('complete ');
  });

  test('holds no source, no test and no development tool', () => {
    const files = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' });
    expect(files).toContain('daemon/main.js');
    expect(files.filter((name) => /\.ts$|\.test\.|\.tap\./.test(name))).toEqual([]);
    const modules = readdirSync(join(installed, 'node_modules'));
    expect(modules).toContain('fastify');
    expect(
      modules.filter((name) => ['typescript', 'vitest', 'tap', '@biomejs', '@types'].includes(name)),
    ).toEqual([]);
  });
});
