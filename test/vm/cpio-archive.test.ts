import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cpioArchive } from './cpio-archive.ts';

describe('an archive for the initramfs', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-cpio-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('is what cpio reads', () => {
    const bytes = Buffer.from(Array.from({ length: 1001 }, (_, i) => i % 256));
    const archive = cpioArchive([
      { path: 'init', mode: 0o755, content: '#!/bin/sh\n' },
      { path: 'a/' },
      { path: 'a/b/', mode: 0o700 },
      { path: 'a/b/bytes', content: bytes },
      { path: 'a/empty', mode: 0o600 },
    ]);
    execFileSync('busybox', ['cpio', '-i'], { cwd: folder, input: archive });
    expect(readFileSync(join(folder, 'init'), 'utf8')).toBe('#!/bin/sh\n');
    expect(statSync(join(folder, 'init')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(folder, 'a/b')).mode & 0o7777).toBe(0o700);
    expect(readFileSync(join(folder, 'a/b/bytes'))).toEqual(bytes);
    expect(statSync(join(folder, 'a/empty'))).toMatchObject({ size: 0, mode: 0o100600 });
  });

  test('has members and trailer at multiples of four bytes', () => {
    const archive = cpioArchive([{ path: 'x', content: 'abc' }]).toString('latin1');
    expect(archive.length % 4).toBe(0);
    expect(archive).toMatch(/^070701[0-9a-f]{104}x\0abc\0{1}070701[0-9a-f]{104}TRAILER!!!\0+$/);
  });
});
