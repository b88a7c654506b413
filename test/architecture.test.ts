import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** Which folders a folder may import from. What is not listed is forbidden, its own files apart. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  drivers: ['core'],
  ipam: ['core'],
  balancer: ['core'],
  discovery: ['core'],
  // The resolver process is put together apart from what it is made of (docs/adr/0014).
  'discovery/process': ['core', 'discovery', 'kernel/libc'],
  kernel: ['core'],
  store: ['core'],
  daemon: ['core', 'drivers', 'ipam', 'balancer', 'discovery', 'kernel', 'store'],
  cli: ['core'],
};

/** npm packages and Node modules that only some folders or files may import. */
const RESERVED: readonly { readonly module: RegExp; readonly only: RegExp; readonly why: string }[] = [
  { module: /^koffi$/, only: /^kernel\/libc\//, why: 'a wrong signature corrupts memory' },
  { module: /^netlink(\/|$)/, only: /^kernel\/netlink\//, why: 'it aborts the process unless guarded' },
  { module: /^node:sqlite$/, only: /^store\//, why: 'the store port' },
  {
    module: /^(node:)?child_process$/,
    only: /^daemon\/resolver\/start-process\.ts$/,
    why: 'weft starts its resolver process and nothing else',
  },
  {
    module: /^node-ipc$/,
    only: /^(discovery\/process\/weftd-link|daemon\/resolver\/process-server)\.ts$/,
    why: 'earlier versions were malicious; two files are easily replaced',
  },
  { module: /^undici$/, only: /^store\/etcd\//, why: 'HTTP clients have one place each' },
  { module: /^node:http$/, only: /^(daemon\/(control|plugin|docker)|cli)\//, why: 'HTTP has one place' },
  {
    module: /^dns-packet$/,
    only: /^discovery\/message\/dns-packet\.ts$/,
    why: 'a hostile packet costs it more than its size unless guarded',
  },
  { module: /^fastify/, only: /^daemon\/(plugin|control)\//, why: 'HTTP has one place' },
];

/** Longest source file, in lines; a file has one idea. */
const MAX_LINES = 300;
const MAX_TEST_LINES = 500;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sources(folder: string): Source[] {
  const found: Source[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...sources(path));
    else if (entry.name.endsWith('.ts')) {
      const text = readFileSync(join(ROOT, path), 'utf8');
      found.push({ path, text, imports: specifiers(text) });
    }
  }
  return found;
}

function specifiers(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

const isTest = (path: string): boolean => /\.(test|tap|bench)\.ts$/.test(path);
const folders = Object.keys(MAY_IMPORT).filter((name) => !name.includes('/') && exists(name));
const all = folders.flatMap(sources);
const production = all.filter(({ path }) => !isTest(path));

function exists(name: string): boolean {
  return statSync(join(ROOT, name), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The entry of `MAY_IMPORT` that a file is under, the longest one. */
function layerOf(path: string): string {
  const under = Object.keys(MAY_IMPORT).filter((name) => path.startsWith(`${name}/`));
  return under.toSorted((one, other) => other.length - one.length)[0] ?? '';
}

/** Imports of its own layer need no entry; one layer within another is the outer one's to run, in its main.ts only. */
function mayImport(path: string, target: string): boolean {
  const [from, to] = [layerOf(path), layerOf(target)];
  if (from === to) return true;
  if (to === `${from}/process`) return path === `${from}/main.ts`;
  return MAY_IMPORT[from]?.some((allowed) => target.startsWith(`${allowed}/`)) === true;
}

function ownTarget(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return relative(ROOT, resolve(ROOT, dirname(source.path), specifier));
}

describe('imports', () => {
  test('there are sources to read in every layer', () => {
    expect(folders).toEqual(
      expect.arrayContaining(['core', 'discovery', 'drivers', 'ipam', 'kernel', 'store', 'daemon', 'cli']),
    );
    expect(production.length).toBeGreaterThan(50);
  });

  test('go down the layers only', () => {
    const wrong = production.flatMap((source) =>
      source.imports.flatMap((specifier) => {
        const target = ownTarget(source, specifier);
        if (target === undefined || mayImport(source.path, target)) return [];
        return [`${source.path} imports ${specifier}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('enter another folder by its index only; core is open', () => {
    const wrong = production.flatMap((source) =>
      source.imports.flatMap((specifier) => {
        const target = ownTarget(source, specifier);
        if (target === undefined || target.startsWith('core/')) return [];
        const sameFolder = target.split('/')[0] === source.path.split('/')[0];
        return sameFolder || target.endsWith('/index.ts') ? [] : [`${source.path} imports ${specifier}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('the CLI knows nothing but the control API', () => {
    const wrong = production
      .filter(({ path }) => path.startsWith('cli/'))
      .flatMap((source) =>
        source.imports.flatMap((specifier) => {
          const target = ownTarget(source, specifier);
          const allowed = target === undefined || /^(cli\/|core\/(control|errors|ids)(\.ts|\/))/.test(target);
          return allowed ? [] : [`${source.path} imports ${specifier}`];
        }),
      );
    expect(wrong).toEqual([]);
  });

  test('of dangerous modules stay where they are contained', () => {
    const wrong = production.flatMap((source) =>
      source.imports.flatMap((specifier) =>
        RESERVED.filter(({ module, only }) => module.test(specifier) && !only.test(source.path)).map(
          ({ why }) => `${source.path} imports ${specifier}: ${why}`,
        ),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('name files with their extension', () => {
    const wrong = all.flatMap((source) =>
      source.imports
        .filter((each) => each.startsWith('.') && !each.endsWith('.ts'))
        .map((each) => `${source.path}: ${each}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('files', () => {
  test('are short', () => {
    const wrong = all.flatMap(({ path, text }) => {
      const lines = text.split('\n').length;
      return lines > (isTest(path) ? MAX_TEST_LINES : MAX_LINES) ? [`${path}: ${lines}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  test('are named for what they hold', () => {
    const vague = /(^|\/|-)(utils?|helpers?|common|manager|misc)(\.|-)/;
    expect(all.map(({ path }) => path).filter((path) => vague.test(path))).toEqual([]);
  });

  test('hold no escape from the type checker', () => {
    const wrong = production.flatMap(({ path, text }) =>
      /@ts-(ignore|nocheck|expect-error)/.test(text) ? [path] : [],
    );
    expect(wrong).toEqual([]);
  });
});

describe('driver folders', () => {
  test('have the same files', () => {
    const shared = new Set(['segment', 'lan', 'options']);
    const drivers = readdirSync(join(ROOT, 'drivers'), { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && !shared.has(entry.name),
    );
    expect(drivers.length).toBeGreaterThanOrEqual(2);
    for (const { name } of drivers) {
      const files = readdirSync(join(ROOT, 'drivers', name));
      expect(files, `drivers/${name}`).toEqual(
        expect.arrayContaining(['index.ts', 'options.ts', 'README.md']),
      );
    }
  });
});
