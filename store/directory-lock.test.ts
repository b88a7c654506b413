import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Conflict, Unavailable } from '../core/errors.ts';
import { lockDirectory } from './directory-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'weft-lock-'));
afterAll(() => rmSync(root, { recursive: true }));

test('a directory is made private, locked once, and free again after release', async () => {
  const path = join(root, 'a', 'b');
  const lock = await lockDirectory(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  await expect(lockDirectory(path)).rejects.toThrow(Conflict);
  await expect(lockDirectory(path)).rejects.toThrow(
    `state directory ${path} is in use by weftd (pid ${process.pid})`,
  );
  await lock[Symbol.asyncDispose]();
  await lock[Symbol.asyncDispose]();
  await using again = await lockDirectory(path);
  expect(again).toBeDefined();
});

test('the lock of another process is named by its pid and vanishes with kill -9', async () => {
  const path = join(root, 'c');
  const module = new URL('./directory-lock.ts', import.meta.url).href;
  const code = `import { lockDirectory } from ${JSON.stringify(module)};
    const lock = await lockDirectory(${JSON.stringify(path)});
    console.log('held', lock !== undefined);
    setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await expect(lockDirectory(path)).rejects.toThrow(`in use by weftd (pid ${child.pid})`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using lock = await lockDirectory(path);
  expect(lock).toBeDefined();
});

test('a directory that cannot be made is Unavailable, not Conflict', async () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  await expect(lockDirectory(join(file, 'state'))).rejects.toThrow(Unavailable);
});
