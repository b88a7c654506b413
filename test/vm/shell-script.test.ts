import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandScript, quoted } from './shell-script.ts';

const run = (script: string): string => execFileSync('/bin/sh', { input: script, encoding: 'utf8' });
const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed());

describe('a command for the shell', () => {
  test('has every word as it was', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (words) => {
        const argv = ['printf', '%s\\0', ...words, 'end'];
        const said = run(commandScript({ argv, cwd: '/', env: { PATH: process.env['PATH'] } }));
        expect(said).toBe([...words, 'end', ''].join('\0'));
      }),
      { numRuns: 40 },
    );
  });

  test('runs in its folder with its environment and no other', () => {
    const env = { A: "it's\n$HOME", ABSENT: undefined };
    const script = commandScript({ argv: ['/bin/sh', '-c', 'pwd; echo "$A"; echo "$B"'], cwd: '/usr', env });
    expect(run(`B=outer; export B; ${script}`)).toBe("/usr\nit's\n$HOME\n\n");
  });

  test('fails when its folder is missing', () => {
    const script = commandScript({ argv: ['echo', 'ran'], cwd: '/no such folder', env: {} });
    expect(() => run(`exec 2>/dev/null; ${script}`)).toThrow();
  });

  test('a quoted word is one word', () => {
    expect(quoted("a'b")).toBe(`'a'\\''b'`);
  });
});
