import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ProcessLock } from './process-lock.ts';

test('who has a lock says so once, and is never nobody to a reader after that', () => {
  using made = new DisposableStack();
  const directory = made.adopt(mkdtempSync(join(tmpdir(), 'weft-lock-')), (path) => {
    rmSync(path, { recursive: true });
  });
  const path = join(directory, 'process.lock');
  const [first, second] = [1, 2].map((pid) => made.use(new ProcessLock(path, { pid, build: 'b' })));
  expect(first?.tryTake()).toBe(true);
  expect(second?.tryTake()).toBe(false);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: 1, build: 'b' });
  writeFileSync(path, 'unchanged');
  expect(first?.tryTake()).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('unchanged');
});
