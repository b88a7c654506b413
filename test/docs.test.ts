import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../cli/program.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** Longest README, in lines. */
const MAX_README = 200;
const OPTION_KEY = String.raw`(?:com\.docker\.network|weft)\.[a-z0-9_.]*[a-z0-9]`;

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function filesIn(folder: string, extension: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(extension));
}

const documents = [
  'README.md',
  'CHANGELOG.md',
  ...filesIn('docs', '.md'),
  ...filesIn('drivers', 'README.md'),
].map((path) => ({ path, text: read(path) }));

/** Every match of `pattern`'s first group, once each and sorted. */
function found(texts: readonly string[], pattern: RegExp): string[] {
  return [
    ...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''))),
  ].sort();
}

function sourcesOf(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => filesIn(folder, '.ts'))
    .filter((path) => !path.endsWith('.test.ts'))
    .map(read);
}

describe('docs/options.md', () => {
  const options = read('docs/options.md');

  test('names every option key of the code, and no other', () => {
    const inCode = found(
      sourcesOf('drivers', 'ipam', 'daemon/plugin', 'daemon/networks'),
      new RegExp(`'(${OPTION_KEY})'`, 'g'),
    );
    expect(inCode.length).toBeGreaterThan(25);
    expect(found([options], new RegExp(`\`(${OPTION_KEY})\``, 'g'))).toEqual(inCode);
  });

  test('has a row for every flag of weftd, with its variable and default, and for no other', () => {
    const help = execFileSync(join(ROOT, 'scripts/weftd'), ['--help'], { encoding: 'utf8' });
    const flat = help.replace(/\n {10,}/g, ' ');
    const inHelp = [...flat.matchAll(/^ {2}--([a-z-]+) <value> .*$/gm)].map((match) => ({
      flag: match[1] ?? '',
      fallback: /\(default: (\S+)\)$/.exec(match[0])?.[1],
    }));
    expect(inHelp.length).toBeGreaterThan(10);
    const rows = [...options.matchAll(/^\| `--([a-z-]+)` \| `(\w+)` \| ([^|]*) \|/gm)];
    expect(rows.map((row) => row[1])).toEqual(inHelp.map(({ flag }) => flag));
    for (const [, flag = '', variable, fallback = ''] of rows) {
      expect(variable).toBe(`WEFT_${flag.toUpperCase().replaceAll('-', '_')}`);
      const value = inHelp.find((each) => each.flag === flag)?.fallback;
      if (value !== undefined) expect(fallback, flag).toBe(`\`${value}\``);
    }
  });
});

describe('documents', () => {
  test('link to files that exist', () => {
    const broken = documents.flatMap(({ path, text }) =>
      found([text], /\]\(([^)#\s]+)[^)]*\)/g)
        .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(path), target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test('name files and folders of the project that exist', () => {
    const named =
      /`((?:core|drivers|ipam|kernel|store|daemon|cli|test|bench|scripts|docs)\/[\w./-]*)(?: [^`]*)?`/g;
    const missing = documents.flatMap(({ path, text }) =>
      found([text], named)
        .filter((target) => !existsSync(join(ROOT, target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('name commands of scripts/ that can be run', () => {
    const commands = found(
      documents.map(({ text }) => text),
      /(?<![\w./])(scripts\/[a-z][\w-]*)(?![\w.]*\.ts)/g,
    );
    expect(commands).toEqual(expect.arrayContaining(['scripts/demo', 'scripts/test', 'scripts/weftd']));
    for (const command of commands) accessSync(join(ROOT, command), constants.X_OK);
  });

  test('name only metrics that weftd has, and operations.md all of them', () => {
    const inCode = found(sourcesOf('daemon/control'), /name: '(weft_[a-z_]+)'/g);
    expect(inCode.length).toBeGreaterThan(5);
    expect(found([read('docs/operations.md')], /`(weft_[a-z_]+)`/g)).toEqual(inCode);
  });
});

describe('README.md', () => {
  const readme = read('README.md');

  test('is short', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(MAX_README);
  });

  test('lists the commands of weft, all of them and no other', () => {
    const program = buildProgram('0', () => undefined);
    const inCode = program.commands.filter(isShown).flatMap((command) => {
      const children = command.commands.map((child) => `weft ${command.name()} ${child.name()}`);
      return children.length > 0 ? children : [`weft ${command.name()}`];
    });
    expect(inCode.length).toBeGreaterThan(8);
    const table = readme.split('\n').filter((line) => line.startsWith('| `weft '));
    expect(found(table, /`(weft [a-z ]+)`/g)).toEqual(inCode.sort());
  });
});

/** Commander tells by what it prints in help whether a command is hidden. */
function isShown(command: Command): boolean {
  return command.parent?.createHelp().visibleCommands(command.parent).includes(command) === true;
}

describe('docs/adr', () => {
  const records = readdirSync(join(ROOT, 'docs/adr')).sort();

  test('are numbered without a gap, and titled with their number', () => {
    expect(records.length).toBeGreaterThan(0);
    for (const [index, name] of records.entries()) {
      const number = String(index + 1).padStart(4, '0');
      expect(name).toMatch(new RegExp(`^${number}-[a-z0-9-]+\\.md$`));
      expect(read(`docs/adr/${name}`)).toMatch(new RegExp(`^# ${number} `));
    }
  });

  test('list every runtime dependency with its version', () => {
    const { dependencies } = JSON.parse(read('package.json')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const rows = [...read('docs/adr/0009-dependencies.md').matchAll(/^\| `([^`]+)` \| ([\d.]+) \|/gm)];
    expect(Object.fromEntries(rows.map(([, name, version]) => [name, version]))).toEqual(dependencies);
  });
});
