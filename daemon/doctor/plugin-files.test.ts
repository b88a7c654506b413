import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPluginSockets } from './plugin-sockets.ts';
import { findPluginSpecs } from './plugin-specs.ts';

async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'weft-doctor-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('plugin sockets are found where Docker looks, and asked whether they answer', async () => {
  await using directory = await scratch();
  await mkdir(join(directory.path, 'nested'));
  await mkdir(join(directory.path, 'managed'));
  const server = createServer().listen(join(directory.path, 'nested', 'nested.sock'));
  await new Promise((resolve) => server.once('listening', resolve));
  // Neither listens: connecting to either is refused.
  await writeFile(join(directory.path, 'stale.sock'), '');
  await writeFile(join(directory.path, 'managed', 'plugin.sock'), '');
  await writeFile(join(directory.path, 'other.txt'), '');
  const found = await findPluginSockets(directory.path);
  expect(found.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
    'nested answers',
    'stale refused',
  ]);
  server.close();
  await expect(findPluginSockets(join(directory.path, 'none'))).rejects.toThrow('ENOENT');
});

test('plugin specifications are found in directories and one below; a missing directory has none', async () => {
  await using directory = await scratch();
  await mkdir(join(directory.path, 'weft'));
  for (const name of ['a.spec', 'b.json', 'c.sock', 'weft/weft.spec'])
    await writeFile(join(directory.path, name), '');
  const found = await findPluginSpecs([directory.path, join(directory.path, 'none')]);
  expect([...found].sort()).toEqual(
    ['a.spec', 'b.json', 'weft/weft.spec'].map((name) => join(directory.path, name)),
  );
});
