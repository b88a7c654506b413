import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { VM_TAPS } from './taps.ts';

const ROOT = resolve(import.meta.dirname, '../..');

test('the files that run in the microVM exist, once each, and those of this folder are among them', () => {
  expect(VM_TAPS.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(new Set(VM_TAPS).size).toBe(VM_TAPS.length);
  const own = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.tap.ts'));
  expect(own.length).toBeGreaterThan(0);
  expect(VM_TAPS).toEqual(expect.arrayContaining(own.map((name) => `test/vm/${name}`)));
});
