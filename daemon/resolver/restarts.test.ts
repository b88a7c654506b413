import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Restarts } from './restarts.ts';

let directory: string;
let stderr: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-restarts-'));
  stderr = join(directory, 'stderr.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

test('none has ended', () => {
  const restarts = new Restarts(stderr);
  expect([restarts.count, restarts.lastError]).toEqual([0, undefined]);
});

test('the last one’s end is told with what it said of it', () => {
  writeFileSync(
    stderr,
    'file:///x.ts:3\n  throw new Error()\n  ^\n\nTypeError [ERR_X]: it broke\n    at x.ts:3\n',
  );
  const restarts = new Restarts(stderr);
  restarts.ended(7, 'exit code 1');
  expect(restarts.lastError).toBe('process 7 has ended: exit code 1 (TypeError [ERR_X]: it broke)');
  // The next one has the file by now.
  writeFileSync(stderr, '');
  expect(restarts.lastError).toContain('it broke');
  restarts.ended(8);
  expect([restarts.count, restarts.lastError]).toEqual([2, 'process 8 has ended: it is gone']);
});
