import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { BY_HAND, VM_BOOT } from './taps.ts';

const ROOT = resolve(import.meta.dirname, '../..');

test('the files that run in the microVM exist, once each, and those of this folder are among them', () => {
  const all = [...VM_BOOT.first, ...VM_BOOT.files, ...BY_HAND];
  expect(all.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(new Set(all).size).toBe(all.length);
  const own = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.tap.ts'));
  expect(own.length).toBeGreaterThan(0);
  expect(all).toEqual(expect.arrayContaining(own.map((name) => `test/vm/${name}`)));
});
