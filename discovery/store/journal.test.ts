import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Fact, factKey } from '../feed/index.ts';
import { anEndpoint, ip } from '../fixtures/records.ts';
import { Journal } from './journal.ts';

const endpoint = (id: string, host = 1): Fact => ({
  kind: 'endpoint',
  endpoint: anEndpoint(id, ['web'], { ipv4: ip(`198.18.0.${host}`) }),
});
const show = (journal: Journal): string[] =>
  journal
    .facts()
    .map((fact) => JSON.stringify(fact))
    .sort();

let directory: string;
let path: string;
let warned: string[];
const log = {
  debug: () => undefined,
  warn: (_: object, message: string) => warned.push(message),
  error: () => undefined,
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-journal-'));
  path = join(directory, 'names');
  warned = [];
});
afterEach(() => rm(directory, { recursive: true }));

test('what was known is known again, and only what was left of it', async () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 5 }),
    host: fc.integer({ min: 1, max: 9 }),
    drop: fc.boolean(),
    reopen: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      await rm(path, { force: true });
      let journal = await Journal.open(path, log);
      const left = new Map<string, Fact>();
      for (const { id, host, drop, reopen } of steps) {
        const fact = endpoint(`${id}`, host);
        if (drop) left.delete(factKey(fact));
        else left.set(factKey(fact), fact);
        if (drop) journal.drop(fact);
        else journal.put(fact);
        if (!reopen) continue;
        await journal[Symbol.asyncDispose]();
        journal = await Journal.open(path, log);
      }
      await journal[Symbol.asyncDispose]();
      const again = await Journal.open(path, log);
      expect(show(again)).toEqual([...left.values()].map((fact) => JSON.stringify(fact)).sort());
      await again[Symbol.asyncDispose]();
    }),
    { numRuns: 50 },
  );
  expect(warned).toEqual([]);
});

test('many changes of few facts leave a short file, readable by its owner alone', async () => {
  await using journal = await Journal.open(path, log);
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 100; i++) journal.put(endpoint(`${i % 10}`, round));
    await journal.written();
  }
  const lines = (await readFile(path, 'utf8')).split('\n').length;
  expect(lines).toBeLessThan(2000);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(show(await Journal.open(path, log))).toEqual(show(journal));
});

test('half a line at the end is what a crash leaves, and is passed over', async () => {
  const journal = await Journal.open(path, log);
  journal.put(endpoint('1'));
  await journal[Symbol.asyncDispose]();
  await appendFile(path, '{"op":"put","fact":{"ki');
  await using again = await Journal.open(path, log);
  expect(again.facts()).toEqual([endpoint('1')]);
  expect(warned).toEqual([]);
  again.put(endpoint('2'));
  await again.written();
  expect((await Journal.open(path, log)).facts()).toHaveLength(2);
});

test.each([
  ['is another file', 'hello\nworld\n'],
  ['is of another version', '{"weft":"names","version":2}\n'],
  ['holds a line that is not JSON', '{"weft":"names","version":1}\nno\n'],
  ['holds a line that is no change', '{"weft":"names","version":1}\n{"op":"put"}\n'],
])('a journal that %s is begun anew, and the log says so', async (_, text) => {
  await writeFile(path, text);
  await using journal = await Journal.open(path, log);
  expect(journal.facts()).toEqual([]);
  expect(warned).toEqual(['the names on disk cannot be read; beginning with none']);
  journal.put(endpoint('1'));
  await journal.written();
  expect((await Journal.open(path, log)).facts()).toEqual([endpoint('1')]);
});

test('when the disk refuses, the log says so, and a later change brings all that was missed', async () => {
  await mkdir(`${path}.new`);
  await using journal = await Journal.open(path, log);
  journal.put(endpoint('1'));
  await journal.written();
  expect(warned).toEqual(['the names cannot be written to disk']);
  await rm(`${path}.new`, { recursive: true });
  journal.put(endpoint('2'));
  await journal.written();
  expect((await Journal.open(path, log)).facts()).toHaveLength(2);
});

test('one that is begun anew holds what it is given, whatever was on disk', async () => {
  await writeFile(path, 'no journal\n');
  const journal = Journal.anew(path, [endpoint('1'), endpoint('2')], log);
  journal.drop(endpoint('2'));
  journal.put(endpoint('3'));
  await journal[Symbol.asyncDispose]();
  expect(show(await Journal.open(path, log))).toEqual([
    JSON.stringify(endpoint('1')),
    JSON.stringify(endpoint('3')),
  ]);
  await Journal.anew(path, [], log)[Symbol.asyncDispose]();
  expect(show(await Journal.open(path, log))).toEqual([]);
  expect(warned).toEqual([]);
});
